// Loaded into a measured process with --import: at its end it writes what it cost into the file that COMPONENTD_BENCH_REPORT names.
import { readFileSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolution = 5;
const delay = monitorEventLoopDelay({ resolution });
delay.enable();
process.on('exit', () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const peakKib = Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0);
  const report = {
    delayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - resolution),
    cpuMs: (userCPUTime + systemCPUTime) / 1000,
    peakMiB: peakKib / 1024,
  };
  writeFileSync(process.env.COMPONENTD_BENCH_REPORT, JSON.stringify(report));
});
