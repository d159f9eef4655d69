/** A JSON Schema (draft 2020-12) for editors, made from a schema. */

import type { AnySchema, ChoiceSchema, JsonSchema, TableSchema } from '#base/schema.ts'

/** The schema of the whole file. It is as strict as JSON Schema can say; cross-field checks are for `tidegate check`. */
export function jsonSchemaPage(root: TableSchema, title = 'tidegate configuration'): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title,
    ...jsonSchemaOf(root),
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}

/** The JSON Schema of one schema. */
export function jsonSchemaOf(schema: AnySchema): JsonSchema {
  switch (schema.kind) {
    case 'scalar':
      return { ...documented(schema), ...schema.json, ...(schema.default !== undefined && { default: schema.default }) }
    case 'secret':
      return { ...documented(schema), type: 'string', minLength: 1 }
    case 'list': {
      const bounds = { ...(schema.min > 0 && { minItems: schema.min }), maxItems: schema.max }
      return { ...documented(schema), type: 'array', items: jsonSchemaOf(schema.item), ...bounds }
    }
    case 'table':
      return { ...documented(schema), ...objectOf(schema) }
    case 'map': {
      const entries = { patternProperties: { [schema.names.source]: jsonSchemaOf(schema.item) }, additionalProperties: false }
      return { ...documented(schema), type: 'object', ...entries, maxProperties: schema.max }
    }
    case 'choice':
      return { ...documented(schema), type: 'object', oneOf: Object.keys(schema.variants).map(word => variantOf(schema, word)) }
  }
}

function documented({ description, deprecated }: AnySchema): JsonSchema {
  return { ...(description !== '' && { description }), ...(deprecated !== undefined && { deprecated: true }) }
}

function variantOf(schema: ChoiceSchema, word: string): JsonSchema {
  const object = objectOf(schema.variants[word])
  const properties = { [schema.discriminator]: { const: word }, ...(object['properties'] as JsonSchema) }
  const needed = [...(schema.default === word ? [] : [schema.discriminator]), ...((object['required'] as string[] | undefined) ?? [])]
  const { required: _required, ...rest } = object
  return { title: `${schema.discriminator} = "${word}"`, ...rest, properties, ...(needed.length > 0 && { required: needed }) }
}

function objectOf(schema: TableSchema): JsonSchema {
  const properties: Record<string, unknown> = {}
  const required: string[] = []
  const either: JsonSchema[] = []
  for (const [key, each] of Object.entries(schema.keys)) {
    properties[key] = jsonSchemaOf(each)
    if (each.kind === 'secret') {
      properties[`${key}_file`] = { description: `The name of a file that holds \`${key}\`.`, type: 'string', minLength: 1 }
      if (each.presence === 'present') either.push({ oneOf: [{ required: [key] }, { required: [`${key}_file`] }] })
    }
    if (isRequired(each)) required.push(key)
  }
  const rules = { ...(required.length > 0 && { required }), ...(either.length > 0 && { allOf: either }) }
  return { type: 'object', properties, ...rules, additionalProperties: false }
}

function isRequired(schema: AnySchema): boolean {
  if (schema.presence === 'optional') return false
  if (schema.kind === 'scalar') return schema.default === undefined
  return schema.kind === 'list' && schema.min > schema.default.length
}
