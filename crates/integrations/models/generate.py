"""Writes services.txt: the AWS services that Step Functions calls by `aws-sdk`, from the service models in botocore.

    python3 generate.py > services.txt

A service begins with `@`; how its lines are read is said in ../src/aws/catalogue.rs.
"""

import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import botocore
import botocore.session

# Embedded services with another protocol: their members are wanted, too.
OF_OTHER_PROTOCOLS = {"S3", "SNS", "STS", "Lambda"}

# Values of attributes are written as DynamoDB itself writes them.
VERBATIM = {"DynamoDB": {"B", "BOOL", "BS", "NS", "NULL", "SS"}}


def package(service_id):
    """The package of AWS's SDK for Java 2, after which Step Functions calls services."""
    return re.sub(r"[ -]", "", service_id.removesuffix(" Service")).lower()


def spelled(name):
    """As the SDK for Java spells a member, with a capital: `DBName` is `DbName`, `logGroup` is `LogGroup`."""
    run = re.match(r"[A-Z]*", name).group()
    if len(run) > 1:
        end = len(run) if len(run) == len(name) or not name[len(run)].islower() else len(run) - 1
        return run[0] + run[1:end].lower() + name[end:]
    return name[0].upper() + name[1:]


class Shapes:
    def __init__(self, model):
        self.shapes = model["shapes"]

    def kind(self, name):
        shape = self.shapes[name]
        while shape["type"] == "list":
            shape = self.shapes[shape["member"]["shape"]]
        return shape["type"]

    def reach(self, roots):
        """The shapes that these hold, each with the member that holds it and what holds that."""
        found, wanted = set(), list(roots)
        while wanted:
            held = wanted.pop()
            if held in found:
                continue
            found.add(held)
            outer, holder, name = held
            shape = self.shapes[name]
            if "member" in shape:
                wanted.append((outer, holder, shape["member"]["shape"]))
            if "value" in shape:
                wanted.append((outer, holder + "*", shape["value"]["shape"]))
            members = shape.get("members", {})
            wanted += [(holder, member, it["shape"]) for member, it in members.items()]
        return [(outer, holder, self.shapes[it]) for outer, holder, it in sorted(found)]

    def members(self, roots):
        """What holds what holds the member, what holds it, its name, its kind; of a map all values are its member `*`."""
        for outer, holder, shape in self.reach(roots):
            if shape["type"] == "map":
                yield outer, holder, "*", self.kind(shape["value"]["shape"])
            if shape["type"] == "structure":
                for name, member in shape.get("members", {}).items():
                    yield outer, holder, name, self.kind(member["shape"])


def meanings(members):
    """What every member means: by its name what it means most often; where it means something else, with what holds it."""
    count = [defaultdict(Counter) for _ in range(3)]
    for outer, holder, name, meaning in members:
        for place, found in zip([(name,), (holder, name), (outer, holder, name)], count):
            found[place][meaning] += 1
    most = {place: of_place.most_common(1)[0][0] for found in count for place, of_place in found.items()}
    told = {".".join(place): meaning for place, meaning in most.items() if meaning != most.get(place[1:])}
    for place, of_place in count[2].items():
        if len(of_place) > 1:
            print("not told apart:", *place, dict(of_place), file=sys.stderr)
    return told


def first(metadata):
    """The protocol that is spoken here: JSON if the service knows it."""
    protocols = metadata.get("protocols") or [metadata["protocol"]]
    return "json" if "json" in protocols else metadata["protocol"]


def listed(tag, names):
    if names:
        print(tag, *sorted(names))


def roots(model, *ways):
    """What is sent with an action is held by `Action`, what is answered by `Action>`."""
    marks = {"input": "", "output": ">"}
    operations = model["operations"].items()
    return [("", name + marks[way], it[way]["shape"]) for name, it in operations for way in ways if way in it]


def is_capital(model):
    """Whether most members begin with a capital letter where they are sent."""
    names = [name for _, _, name, _ in Shapes(model).members(roots(model, "input", "output")) if name != "*"]
    return 2 * sum(name[0].isupper() for name in names) >= len(names)


KINDS = {"blob": "#blob", "timestamp": "#time", "map": "#map"}


def print_kinds(model, verbatim):
    members = Shapes(model).members(roots(model, "input", "output"))
    told = meanings((*place, KINDS.get(kind, "#plain")) for *place, kind in members if place[2] not in verbatim)
    for tag in KINDS.values():
        listed(tag, {place for place, it in told.items() if it == tag})
    # Of a name that stands alone it goes without saying.
    listed("#plain", {place for place, it in told.items() if it == "#plain" and "." in place})


def print_sent(model, verbatim):
    """What is sent, where it does not follow from the spelling in definitions."""
    members = Shapes(model).members(roots(model, "input"))
    named = ((*place, name) for *place, name, _ in members if name not in verbatim and name != "*")
    told = meanings((outer, holder, spelled(name), name) for outer, holder, name in named)
    follows = (lambda it: it) if is_capital(model) else (lambda it: it[0].lower() + it[1:])
    listed("#sent", {f"{place}={it}" for place, it in told.items() if "." in place or it != follows(place)})


def print_details(model, service_id):
    verbatim = VERBATIM.get(service_id, set())
    listed("!", {name for name, it in model["shapes"].items() if it.get("exception")})
    print_kinds(model, verbatim)
    listed("#same", verbatim)
    print_sent(model, verbatim)
    for name, operation in sorted(model["operations"].items()):
        shape = model["shapes"][operation["input"]["shape"]] if "input" in operation else {}
        print(name, *(spelled(member) for member in shape.get("members", {})))


def global_endpoint(endpoints, prefix):
    service = endpoints.get(prefix, {})
    if service.get("isRegionalized", True) or "partitionEndpoint" not in service:
        return "-"
    found = service["endpoints"][service["partitionEndpoint"]]
    return f"{found['hostname']}/{found['credentialScope']['region']}"


def main():
    loader = botocore.session.get_session().get_component("data_loader")
    data = json.loads((Path(botocore.__file__).parent / "data/endpoints.json").read_text())
    endpoints = next(it for it in data["partitions"] if it["partition"] == "aws")["services"]
    print(f"botocore {botocore.__version__}")
    for name in sorted(loader.list_available_services("service-2")):
        model = loader.load_service_model(name, "service-2")
        metadata = model["metadata"]
        service_id, protocol = metadata["serviceId"], first(metadata)
        prefix = metadata["endpointPrefix"]
        header = [package(service_id), protocol]
        if protocol == "json":
            header += [
                prefix, metadata.get("signingName", prefix), metadata["targetPrefix"],
                metadata.get("jsonVersion", "1.0"), "Capital" if is_capital(model) else "small",
                global_endpoint(endpoints, prefix),
            ]
        print("@" + " ".join(header), service_id, sep="|")
        if protocol == "json" or service_id in OF_OTHER_PROTOCOLS:
            print_details(model, service_id)


main()
