// The published contract of a fitting room, for browsers and for Node 18 or newer, without dependencies.

const POLL_EVERY_MS = 2000
const MOST_POLLS = 60
const AWAY = 'The fitting room is away for a moment. Please try again.'

/** Why there is no picture: a sentence for the shopper, and a `code` for programs. */
export class TryOnError extends Error {
  constructor(message, code = '') {
    super(message)
    this.code = code
  }
}

/**
 * A picture of this person in this product: the last state of its generation, with `resultImageUrl`.
 *
 * service   '/apps/fitting-room' on a storefront's pages, else the service's address
 * photo     a File, a Blob, or bytes: JPEG, PNG, WebP or HEIC, at most 20 MB
 * product   Shopify's id, as 'gid://shopify/Product/1001'
 * variant   likewise, as 'gid://shopify/ProductVariant/2001'; the default one when absent
 * onState   is told each state on the way: { status, progress, queuePosition, ... }
 *
 * Throws a TryOnError.
 */
export async function tryOn({ service, photo, product, variant, onState = () => {} }) {
  const ask = asking(service.replace(/\/+$/, ''))
  const { allowed } = await ask('GET', '/check-credits')
  if (!allowed) throw new TryOnError('This shop has no try-ons left.', 'QUOTA_EXCEEDED')

  const userImageId = await upload(ask, photo)
  const wanted = { userImageId, productId: product, variantId: variant } // JSON leaves out what is undefined
  const { jobId } = await ask('POST', '/fitting-room', wanted)
  return finished(ask, jobId, onState)
}

/** ask(method, path, body) -> what the service answers. Throws what it refuses. */
function asking(service) {
  return async (method, path, body) => {
    const json = body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
    const reply = await reached(`${service}/public${path}`, { method, ...json })
    const told = await reply.json().catch(() => ({}))
    // A generation that was not created is told by its code: its status may be 200.
    if (!reply.ok || told.code) throw new TryOnError(told.message ?? AWAY, told.code)
    return told
  }
}

async function reached(url, init) {
  try {
    return await fetch(url, init)
  } catch {
    throw new TryOnError(AWAY)
  }
}

/** The photograph's id. Its bytes go straight to the store, which the service gave a signed address of. */
async function upload(ask, photo) {
  const { uploadUrl, uploadKey } = await ask('POST', '/prepare-upload')
  const headers = { 'Content-Type': 'application/octet-stream' }
  const stored = await reached(uploadUrl, { method: 'PUT', headers, body: photo })
  if (!stored.ok) throw new TryOnError('This photograph could not be sent. Please try again.')
  const { fileId } = await ask('POST', '/upload-complete', { uploadKey })
  return fileId
}

async function finished(ask, jobId, onState) {
  for (let poll = 0; poll < MOST_POLLS; poll++) {
    const state = await ask('GET', `/generation/${jobId}`)
    onState(state)
    if (state.status === 'COMPLETED') return state
    if (state.status === 'FAILED') throw new TryOnError(state.errorMessage, state.errorCode)
    await new Promise(resolve => setTimeout(resolve, POLL_EVERY_MS))
  }
  throw new TryOnError('This takes longer than it should. Please try again.')
}
