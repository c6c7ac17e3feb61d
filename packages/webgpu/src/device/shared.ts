import { Device } from './device'

interface Opened {
  readonly device: Promise<Device>
  readonly users: Set<object>
}

/** Devices that may be shared: of those given, and the one that all others use. */
const sharable = new Map<GPUDevice | 'own', Opened>()
const ofUser = new Map<object, Opened>()

function open(external: GPUDevice | undefined): Opened {
  const key = external ?? 'own'
  const opened: Opened = { device: Device.open(external), users: new Set() }
  const forget = () => {
    if (sharable.get(key) === opened) sharable.delete(key)
  }
  // One that was lost, or never came, is handed out no more; who still uses it closes it.
  opened.device.then(({ gpuDevice }) => gpuDevice.lost.then(forget), forget)
  sharable.set(key, opened)
  return opened
}

/** The device for `user`, until it closes it. */
export function openDevice(user: object, external?: GPUDevice): Promise<Device> {
  const opened = sharable.get(external ?? 'own') ?? open(external)
  opened.users.add(user)
  ofUser.set(user, opened)
  return opened.device
}

/** Closes the user's device with its last user. */
export async function closeDevice(user: object): Promise<void> {
  const opened = ofUser.get(user)
  ofUser.delete(user)
  if (!opened?.users.delete(user) || opened.users.size > 0) return
  for (const [key, value] of sharable) if (value === opened) sharable.delete(key)
  const device = await opened.device.catch(() => undefined)
  device?.close()
}
