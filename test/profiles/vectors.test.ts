import t from 'tap'
import { readVector } from '#adapters/serial/profile/vectors.ts'
import { loadProfile, PROFILES } from './profiles.ts'

t.test('there are profiles of at least fifteen devices', async t => {
  t.ok(PROFILES.length >= 15, `${PROFILES.length}`)
})

for (const name of PROFILES) {
  t.test(`${name}: the profile is valid and each of its vectors means what it says`, async t => {
    const { profile, faults } = loadProfile(name)
    t.strictSame(faults, [])
    const speech = profile?.serial
    if (profile === undefined || speech === undefined) {
      t.fail('it has no serial line')
      return
    }
    let values = 0
    for (const vector of profile.vectors) {
      const readings = new Map(
        readVector(speech, vector).map(reading => [reading.point, reading.good ? reading.text : `bad ${reading.text}`]),
      )
      for (const [point, value] of Object.entries(vector.values)) {
        t.equal(readings.get(point), value, `${vector.name}: ${point}`)
        values++
      }
    }
    t.ok(values > 0 || profile.vectors.length > 0)
    for (const point of Object.keys(profile.simulate.values)) {
      const isPlace = [...profile.simulate.lines, ...profile.simulate.answers.map(each => each.answer ?? '')].some(text =>
        text.includes(`\${${point}`),
      )
      t.ok(speech.points[point] !== undefined || isPlace, `${point} is simulated and a point`)
    }
  })
}
