// node examples/javascript/cli.mjs SERVICE PHOTO PRODUCT [VARIANT] > worn.png

import { readFile } from 'node:fs/promises'
import { tryOn } from './try-on.mjs'

const [service, photo, product, variant] = process.argv.slice(2)
if (!product) {
  console.error('usage: node examples/javascript/cli.mjs SERVICE PHOTO PRODUCT [VARIANT] > worn.png')
  process.exit(2)
}

try {
  const { resultImageUrl } = await tryOn({
    service,
    photo: await readFile(photo),
    product,
    variant,
    onState: ({ status, progress }) => console.error(status, `${Math.round(100 * progress)} %`),
  })
  const picture = await fetch(resultImageUrl)
  process.stdout.write(Buffer.from(await picture.arrayBuffer()))
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
