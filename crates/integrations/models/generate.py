"""Writes services.txt: the AWS services that Step Functions calls by `aws-sdk`, from the service models in botocore.

    python3 generate.py > services.txt

A service begins with `@`; how its lines are read is said in ../src/aws/catalogue.rs.
"""

import json
import re
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

    def structures(self, roots):
        """The structures that these shapes hold, each with the member that holds it, or what holds its root."""
        found, wanted = set(), list(roots)
        while wanted:
            held = wanted.pop()
            if held in found:
                continue
            found.add(held)
            holder, name = held
            shape = self.shapes[name]
            wanted += [(holder, shape[it]["shape"]) for it in ("member", "key", "value") if it in shape]
            members = shape.get("members", {})
            wanted += [(member, it["shape"]) for member, it in members.items()]
        return [(holder, self.shapes[it]) for holder, it in sorted(found)]

    def members(self, roots):
        """The members of structures: what holds the structure, the name, what kind it is."""
        for holder, shape in self.structures(roots):
            if shape["type"] == "structure":
                for name, member in shape.get("members", {}).items():
                    yield holder, name, self.kind(member["shape"])


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
    return [(name + marks[way], it[way]["shape"]) for name, it in operations for way in ways if way in it]


def is_capital(model):
    """Whether most members begin with a capital letter where they are sent."""
    names = [name for _, name, _ in Shapes(model).members(roots(model, "input", "output"))]
    return 2 * sum(name[0].isupper() for name in names) >= len(names)


KINDS = {"blob": "#blob", "timestamp": "#time", "map": "#map"}


def print_kinds(model, verbatim):
    kinds, held = defaultdict(Counter), defaultdict(Counter)
    for holder, name, kind in Shapes(model).members(roots(model, "input", "output")):
        tag = KINDS.get(kind, "#plain")
        kinds[name][tag] += 1
        held[holder, name][tag] += 1
    # What a name means most often; where it means something else, with what holds it.
    most = {name: found.most_common(1)[0][0] for name, found in kinds.items()}
    tagged = defaultdict(set)
    for name, tag in most.items():
        tagged[tag].add(name)
    for (holder, name), found in held.items():
        tag = found.most_common(1)[0][0]
        if tag != most[name]:
            tagged[tag].add(f"{holder}.{name}")
    for tag in KINDS.values():
        listed(tag, tagged[tag] - verbatim)
    listed("#plain", {it for it in tagged["#plain"] if "." in it})


def print_sent(model, verbatim):
    """What is sent, where it does not follow from the spelling in definitions."""
    sent, held = defaultdict(Counter), {}
    for holder, name, _ in Shapes(model).members(roots(model, "input")):
        if name not in verbatim:
            sent[spelled(name)][name] += 1
            held[holder, spelled(name)] = name
    follows = (lambda it: it) if is_capital(model) else (lambda it: it[0].lower() + it[1:])
    most = {name: found.most_common(1)[0][0] for name, found in sent.items()}
    pairs = {f"{name}={it}" for name, it in most.items() if it != follows(name)}
    pairs |= {f"{holder}.{name}={it}" for (holder, name), it in held.items() if it != most[name]}
    listed("#sent", pairs)


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
