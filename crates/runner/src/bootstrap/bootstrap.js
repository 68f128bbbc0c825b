// Runs a Node.js handler against the Lambda Runtime API, as AWS's own runtime client does.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const { createRequire } = require('module');
const { pathToFileURL } = require('url');

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const BASE = '/2018-06-01/runtime';
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, where, body, headers) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const options = { host, port, method, path: BASE + where, agent, headers: { ...headers, ...length } };
    const request = http.request(options, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => resolve({ headers: answer.headers, body: Buffer.concat(parts).toString() }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

function failureOf(error, kind) {
  if (error instanceof Error) {
    const trace = (error.stack || '').split('\n');
    return { errorType: kind || error.name, errorMessage: error.message, trace };
  }
  return { errorType: kind || typeof error, errorMessage: String(error), trace: [] };
}

async function postError(where, failed, requestId) {
  console.error(`${new Date().toISOString()}\t${requestId}\tERROR\tInvoke Error \t${JSON.stringify(failed)}`);
  await call('POST', where, JSON.stringify(failed), {
    'Content-Type': 'application/json',
    'Lambda-Runtime-Function-Error-Type': failed.errorType,
  });
}

class Unusable extends Error {
  constructor(kind, message) {
    super(message);
    this.name = kind;
  }
}

// The file of a module: as Node.js itself, CommonJS before ES modules unless package.json says otherwise.
function fileOf(base) {
  for (const ending of ['', '.js', '.mjs', '.cjs']) {
    const file = base + ending;
    if (fs.existsSync(file) && fs.statSync(file).isFile()) return file;
  }
  return undefined;
}

function isModule(file) {
  if (file.endsWith('.mjs')) return true;
  if (!file.endsWith('.js')) return false;
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json');
    if (fs.existsSync(manifest)) return JSON.parse(fs.readFileSync(manifest)).type === 'module';
    if (folder === path.dirname(folder)) return false;
  }
}

async function load(file, base) {
  try {
    return isModule(file) ? await import(pathToFileURL(file)) : createRequire(file)(file);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Unusable('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`);
    const missing = ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(error && error.code);
    if (missing) throw new Unusable('Runtime.ImportModuleError', `Error: ${error.message}`);
    throw error;
  }
}

async function handlerOf(name) {
  const root = process.env.LAMBDA_TASK_ROOT;
  const folder = path.dirname(name);
  const match = /^([^.]*)\.(.+)$/.exec(path.basename(name));
  if (!match || name.includes('..')) throw new Unusable('Runtime.MalformedHandlerName', 'Bad handler');
  const base = path.resolve(root, folder, match[1]);
  const file = fileOf(base);
  if (!file) {
    const message = `Error: Cannot find module '${path.basename(base)}'\nRequire stack:\n- ${root}`;
    throw new Unusable('Runtime.ImportModuleError', message);
  }
  const loaded = await load(file, base);
  const of = (it) => match[2].split('.').reduce((at, key) => at && at[key], it);
  const handler = of(loaded) || (loaded.default && of(loaded.default));
  if (!handler) throw new Unusable('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new Unusable('Runtime.HandlerNotFound', `${name} is not a function`);
  return handler;
}

function contextOf(headers, settle) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const client = headers['lambda-runtime-client-context'];
  return {
    callbackWaitsForEmptyEventLoop: true,
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: client ? JSON.parse(client) : undefined,
    identity: undefined,
    getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
    done: settle,
    succeed: (result) => settle(null, result),
    fail: (error) => settle(error === undefined || error === null ? new Error('handled') : error),
  };
}

function invoke(handler, headers, event) {
  return new Promise((resolve, reject) => {
    let context;
    const settle = (error, result) => {
      if (error !== undefined && error !== null) return reject(error);
      if (!context.callbackWaitsForEmptyEventLoop) return resolve(result);
      return afterLoop(() => resolve(result));
    };
    context = contextOf(headers, settle);
    beforeExit = () => resolve(null);
    const returned = handler(event, context, settle);
    if (returned && typeof returned.then === 'function') returned.then(resolve, reject);
  });
}

// What happens once the event loop has nothing left to do: the answer of a callback, or that there is none.
let beforeExit = () => {};
function afterLoop(next) {
  beforeExit = next;
}
process.on('beforeExit', () => beforeExit());

async function answer(handler, headers, event) {
  const id = headers['lambda-runtime-aws-request-id'];
  process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'] || '';
  requestId = id;
  let body;
  try {
    const result = await invoke(handler, headers, JSON.parse(event));
    body = JSON.stringify(result === undefined ? null : result);
  } catch (error) {
    return postError(`/invocation/${id}/error`, failureOf(error), id);
  }
  if (body === undefined) body = 'null';
  return call('POST', `/invocation/${id}/response`, body, { 'Content-Type': 'application/json' });
}

let requestId = '';
for (const [name, level] of [['log', 'INFO'], ['info', 'INFO'], ['debug', 'DEBUG'], ['warn', 'WARN'], ['error', 'ERROR'], ['trace', 'TRACE']]) {
  const { format } = require('util');
  console[name] = (...words) => {
    const line = words.length === 1 && typeof words[0] === 'string' && words[0].includes('\tERROR\t')
      ? words[0]
      : `${new Date().toISOString()}\t${requestId}\t${level}\t${format(...words)}`;
    fs.writeSync(1, line.replace(/\n/g, '\r') + '\n');
  };
}

function crashed(kind) {
  return async (error) => {
    const failed = failureOf(error, kind);
    if (kind === 'Runtime.UnhandledPromiseRejection') failed.errorMessage = String(error);
    const where = requestId ? `/invocation/${requestId}/error` : '/init/error';
    await postError(where, failed, requestId).catch(() => {});
    process.exit(128);
  };
}
process.on('uncaughtException', crashed(undefined));
process.on('unhandledRejection', crashed('Runtime.UnhandledPromiseRejection'));

async function main() {
  let handler;
  try {
    handler = await handlerOf(process.env._HANDLER);
  } catch (error) {
    await postError('/init/error', failureOf(error), '');
    process.exit(1);
  }
  for (;;) {
    const { headers, body } = await call('GET', '/invocation/next');
    await answer(handler, headers, body);
  }
}
main().catch(() => process.exit(1));
