/**
 * How V8 is set up for the gateway, wherever it is started: by the launcher of a checkout and by the executable.
 * - `--max-semi-space-size`: a larger nursery only makes the process larger; most of what a message allocates is
 *   gone before 8 MiB are spent.
 */
export const RUNTIME_FLAGS: readonly string[] = ['--max-semi-space-size=8']
