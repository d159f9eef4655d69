/**
 * How V8 is set up for the gateway, wherever it is started: by the launcher of a checkout and by the executable.
 * Memory under load is garbage that waits to be collected: both flags trade some collections for a smaller process.
 * - `--max-semi-space-size`: most of what a message allocates is gone before 4 MiB are spent.
 * - `--heap-growing-percent`: what got past that is collected when the heap has grown by so much, not when it has
 *   grown four times as large; the buffers of messages hang on it.
 */
export const RUNTIME_FLAGS: readonly string[] = ['--max-semi-space-size=4', '--heap-growing-percent=60']
