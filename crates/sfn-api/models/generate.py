"""Writes responses.json: what the operations of some AWS services answer, from the service models in botocore.

    python3 generate.py > responses.json
"""

import json

import botocore.session

# The names of Step Functions for services, and those of botocore.
SERVICES = {
    "athena": "athena",
    "batch": "batch",
    "cloudwatch": "cloudwatch",
    "cloudwatchlogs": "logs",
    "codebuild": "codebuild",
    "dynamodb": "dynamodb",
    "ecs": "ecs",
    "eks": "eks",
    "emr": "emr",
    "eventbridge": "events",
    "firehose": "firehose",
    "glue": "glue",
    "kinesis": "kinesis",
    "kms": "kms",
    "lambda": "lambda",
    "s3": "s3",
    "scheduler": "scheduler",
    "secretsmanager": "secretsmanager",
    "sfn": "stepfunctions",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "sts": "sts",
}

KINDS = {
    "blob": "string",
    "string": "string",
    "timestamp": "string",
    "character": "string",
    "integer": "number",
    "long": "number",
    "float": "number",
    "double": "number",
    "bigdecimal": "number",
    "boolean": "boolean",
}


def capital(name):
    return name[0].upper() + name[1:]


class Shapes:
    def __init__(self, model):
        self.model = model
        self.named = {}

    def refer(self, name):
        """The name of a shape, or `=kind` where there is nothing else to say of it."""
        shape = self.model[name]
        kind = KINDS.get(shape["type"])
        bounds = {key: shape[key] for key in ("min", "max") if key in shape}
        if shape["type"] == "timestamp":
            bounds = {}
        if kind and not bounds:
            return "=" + kind
        if name not in self.named:
            self.named[name] = None
            self.named[name] = {kind: bounds} if kind else self.composed(shape, bounds)
        return name

    def composed(self, shape, bounds):
        if shape["type"] == "list":
            return {"array": {"item": self.refer(shape["member"]["shape"]), **bounds}}
        if shape["type"] == "map":
            return {"map": {"value": self.refer(shape["value"]["shape"])}}
        if shape.get("document"):
            return "any"
        members = {capital(name): self.refer(to["shape"]) for name, to in shape["members"].items()}
        required = [capital(name) for name in shape.get("required", [])]
        return {"object": {"members": members, **({"required": required} if required else {})}}


def service(name):
    loader = botocore.session.get_session().get_component("data_loader")
    model = loader.load_service_model(name, "service-2")
    shapes = Shapes(model["shapes"])
    operations = {
        operation[0].lower() + operation[1:]: shapes.refer(to["output"]["shape"])
        for operation, to in sorted(model["operations"].items())
        if "output" in to
    }
    return {"operations": operations, "shapes": dict(sorted(shapes.named.items()))}


services = (f'"{name}": {json.dumps(service(of))}' for name, of in SERVICES.items())
print("{\n" + ",\n".join(services) + "\n}")
