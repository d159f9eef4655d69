/**
 * The executable's main program: runs the bundle, helped by what V8 has noted of it when the executable was made. What
 * V8 does not recognise as its own it leaves aside, and compiles as usual.
 */
'use strict'
const { dirname } = require('node:path')
const { getAsset, getRawAsset } = require('node:sea')
const { Script } = require('node:vm')

let cachedData
try {
  cachedData = new Uint8Array(getRawAsset('tidegate.cache'))
} catch {
  // Made without.
}
const script = new Script(getAsset('tidegate.cjs', 'utf8'), { filename: 'tidegate.cjs', cachedData })
const program = { exports: {} }
script.runInThisContext()(program.exports, require, program, process.execPath, dirname(process.execPath))
