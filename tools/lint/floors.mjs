// The folders of core, from the ground up: a folder imports only from those before it, and from itself.
export const FLOORS = [
  'base',
  'platform',
  'files',
  'weights',
  'images',
  'text',
  'ops',
  'towers',
  'models',
  'processor',
  'retrieval',
  'evaluation',
]
