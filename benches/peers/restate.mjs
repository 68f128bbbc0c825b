// Measures Restate: starts its server (npm `@restatedev/restate-server`) with its defaults and a service written with
// its SDK, calls it, and prints one JSON object. Run in a folder where both packages are installed:
//
//   node restate.mjs SECONDS
//
// {"version":"1.7.12","five":[{"clients":8,"per_second":180.1,"p50_ms":44.0,"p99_ms":60.2}],"steps_per_second":705.3,"rss_mib":357}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import http from "node:http";

// The SDK asks for it, and Node 20 does not have it yet.
Promise.withResolvers ??= function () {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
};

// Its log of every invocation would be measured too.
process.env.RESTATE_LOGGING ??= "ERROR";

const require = createRequire(join(process.cwd(), "package.json"));
const restate = require("@restatedev/restate-sdk");
const platform = `@restatedev/restate-server-${process.platform}-${process.arch}`;
const manifest = require.resolve(`${platform}/package.json`);
const version = JSON.parse(readFileSync(manifest)).version;
const secondsEach = Number(process.argv[2] ?? 5);

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const steps = async (ctx, count) => {
  for (let step = 0; step < count; step++) await ctx.run(() => step);
  return count;
};
const bench = restate.service({
  name: "bench",
  handlers: { five: (ctx) => steps(ctx, 5), many: (ctx, count) => steps(ctx, count) },
});

const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
function post(port, path, body) {
  const headers = { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const request = http.request({ host: "127.0.0.1", port, path, method: "POST", headers, agent }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => (text += chunk));
      answer.on("end", () => (answer.statusCode < 300 ? resolve(text) : reject(new Error(`${path}: ${answer.statusCode} ${text}`))));
    });
    request.on("error", reject);
    request.end(JSON.stringify(body));
  });
}

async function untilItWorks(action) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      if (attempt === 300) throw error;
      await pause(100);
    }
  }
}

async function measureFive(ingress, clients) {
  const latencies = [];
  const started = performance.now();
  const ends = started + secondsEach * 1000;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() < ends) {
        const before = performance.now();
        await post(ingress, "/bench/five", null);
        latencies.push(performance.now() - before);
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((left, right) => left - right);
  const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))];
  return { clients, per_second: latencies.length / seconds, p50_ms: at(0.5), p99_ms: at(0.99) };
}

const servicePort = await freePort();
const ingress = await freePort();
const admin = await freePort();
const folder = mkdtempSync(join(tmpdir(), "restate-"));
const service = await new Promise((resolve) => {
  const { createServer: createHttp2Server } = require("node:http2");
  const server = createHttp2Server(restate.createEndpointHandler({ services: [bench] }));
  server.listen(servicePort, "127.0.0.1", () => resolve(server));
});
const server = spawn(join(manifest, "../bin/restate-server"), ["--no-logo", "--listen-mode", "tcp", "--bind-ip", "127.0.0.1", "--bind-port", String(await freePort()), "--base-dir", folder], {
  stdio: "ignore",
  env: {
    ...process.env,
    DO_NOT_TRACK: "1",
    RESTATE_DISABLE_TELEMETRY: "true",
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
  },
});
process.on("exit", () => server.kill("SIGKILL"));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
try {
  await untilItWorks(() => post(admin, "/deployments", { uri: `http://127.0.0.1:${servicePort}` }));
  await untilItWorks(() => post(ingress, "/bench/five", null));
  const five = [];
  for (const clients of [8, 64]) five.push(await measureFive(ingress, clients));
  const before = performance.now();
  await post(ingress, "/bench/many", 1000);
  const steps_per_second = 1000 / ((performance.now() - before) / 1000);
  const rss = readFileSync(`/proc/${server.pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1];
  console.log(JSON.stringify({ version, five, steps_per_second, rss_mib: Math.round(rss / 1024) }));
} finally {
  server.kill("SIGKILL");
  await once(server, "exit");
  service.close();
  rmSync(folder, { recursive: true, force: true });
  process.exit();
}
