const { contextBridge, ipcRenderer } = require('electron')

// All that the page can do.
contextBridge.exposeInMainWorld('pictures', {
  add: () => ipcRenderer.invoke('add'),
  search: (text) => ipcRenderer.invoke('search', text),
  onProgress: (listener) => ipcRenderer.on('progress', (_, progress) => listener(progress)),
})
