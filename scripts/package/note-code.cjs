/**
 * Writes V8's notes on a bundle, with all functions that were needed until the program ended:
 * `node note-code.cjs BUNDLE OUTPUT [WORDS…]`.
 */
'use strict'
const { readFileSync, writeFileSync } = require('node:fs')
const { dirname } = require('node:path')
const { Script } = require('node:vm')

const [bundle, output] = process.argv.splice(2, 2)
const script = new Script(readFileSync(bundle, 'utf8'), { filename: 'tidegate.cjs' })
process.on('exit', () => writeFileSync(output, script.createCachedData()))
const program = { exports: {} }
script.runInThisContext()(program.exports, require, program, bundle, dirname(bundle))
