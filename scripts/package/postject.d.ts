declare module 'postject' {
  /** Puts `bytes` into the executable `file` as the resource `name`. */
  export function inject(file: string, name: string, bytes: Buffer, options: { sentinelFuse: string; overwrite?: boolean }): Promise<void>
}
