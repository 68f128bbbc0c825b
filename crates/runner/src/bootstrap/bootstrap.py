"""Runs a Python handler against the Lambda Runtime API, as AWS's own runtime client does."""

import sys

# The working directory: a module of the function must not stand in for one that is imported here.
sys.path.pop(0)

import decimal
import http.client
import importlib
import json
import logging
import os
import time
import traceback

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime"


class Context:
    """What a handler gets beside its event."""

    class Identity:
        cognito_identity_id = None
        cognito_identity_pool_id = None

    class Client:
        pass

    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Context.Identity()
        self.client_context = Context.client_of(headers.get("Lambda-Runtime-Client-Context"))
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    @staticmethod
    def client_of(text):
        if not text:
            return None
        given, client = json.loads(text), Context.Client()
        client.client = given.get("client")
        client.custom = given.get("custom")
        client.env = given.get("env")
        return client

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))


class LogFormatter(logging.Formatter):
    converter = time.gmtime
    request_id = ""

    def __init__(self):
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record):
        record.aws_request_id = LogFormatter.request_id
        return super().format(record)


def call(connection, method, path, body=None, headers=None):
    connection.request(method, BASE + path, body, headers or {})
    answer = connection.getresponse()
    return answer, answer.read()


def encoded(value):
    def other(it):
        if isinstance(it, decimal.Decimal):
            return int(it) if it == it.to_integral_value() else float(it)
        raise TypeError("Object of type %s is not JSON serializable" % type(it).__name__)

    return json.dumps(value, default=other).encode()


def failure(kind, message, request_id, stack):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": stack}


def frames_of(trace):
    return ['  File "%s", line %s, in %s\n    %s\n' % (f.filename, f.lineno, f.name, f.line or "") for f in traceback.extract_tb(trace)]


def failure_of(error, request_id, skipped):
    return failure(type(error).__name__, str(error), request_id, frames_of(error.__traceback__)[skipped:])


def told(failed):
    stack = "".join(failed["stackTrace"])
    head = "[ERROR] %s: %s" % (failed["errorType"], failed["errorMessage"])
    print(head + ("\nTraceback (most recent call last):\n" + stack if stack else ""), flush=True)


def posted_error(connection, path, failed):
    told(failed)
    sys.stderr.flush()
    body = json.dumps(failed).encode()
    call(connection, "POST", path, body, {
        "Content-Type": "application/vnd.aws.lambda.error+json",
        "Lambda-Runtime-Function-Error-Type": failed["errorType"],
    })


class Unusable(Exception):
    def __init__(self, kind, message, stack=()):
        self.failed = failure(kind, message, "", list(stack))


def handler_of(name):
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise Unusable("Runtime.MalformedHandlerName", "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Unusable("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error))
    except SyntaxError as error:
        place = '  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)
        raise Unusable("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), [place])
    except Exception as error:
        frames = [it for it in frames_of(error.__traceback__) if 'importlib' not in it.split(",")[0]]
        raise Unusable(type(error).__name__, str(error), frames[1:])
    if not hasattr(module, function_name):
        raise Unusable("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name))
    return getattr(module, function_name)


def answer(connection, handler, headers, event):
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    LogFormatter.request_id = request_id
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
    path = "/invocation/" + request_id
    try:
        result = handler(json.loads(event), Context(headers))
    except Exception as error:
        return posted_error(connection, path + "/error", failure_of(error, request_id, 1))
    try:
        body = encoded(result)
    except Exception as error:
        message = "Unable to marshal response: %s" % error
        return posted_error(connection, path + "/error", failure("Runtime.MarshalError", message, request_id, []))
    sys.stdout.flush()
    sys.stderr.flush()
    call(connection, "POST", path + "/response", body, {"Content-Type": "application/json"})


def main():
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    sys.argv = ["bootstrap"]
    out = logging.StreamHandler(sys.stdout)
    out.setFormatter(LogFormatter())
    logging.getLogger().addHandler(out)
    connection = http.client.HTTPConnection(API)
    try:
        handler = handler_of(os.environ["_HANDLER"])
    except Unusable as error:
        posted_error(connection, "/init/error", error.failed)
        sys.exit(1)
    while True:
        headers, event = call(connection, "GET", "/invocation/next")
        answer(connection, handler, headers.headers, event)


main()
