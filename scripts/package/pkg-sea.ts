/** Runs pkg's SEA mode in a process of its own, as it changes folders and reads HOME: `pkg-sea.ts JSON`. */
import sea from '@yao-pkg/pkg/lib-es5/sea.js'
import type { SeaConfig, Target } from './sea-config.ts'

interface Order {
  entry: string
  output: string
  target: Target
  seaConfig: SeaConfig
}

// pkg's command line would add a file system of its own, which costs memory and time at every start, and drops
// `seaConfig`; this is the part of it that does neither.
const { entry, output, target, seaConfig } = JSON.parse(process.argv[2]!) as Order
await sea.default(entry, {
  seaConfig,
  targets: [{ nodeRange: `node${target.nodeVersion}`, platform: 'linux', arch: target.arch, output }],
})
