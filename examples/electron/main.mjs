// The main process: a window, and the channels that its page asks.
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { app, BrowserWindow, dialog, ipcMain } from 'electron'
import { answerSearches } from './searches.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))

await app.whenReady()
const window = new BrowserWindow({ width: 900, height: 700, webPreferences: { preload: here('preload.cjs') } })
const searches = answerSearches(ipcMain, {
  model: process.env.MODEL ?? join(app.getPath('userData'), 'model'),
  index: join(app.getPath('userData'), 'index'),
  chooseFolder: async () => (await dialog.showOpenDialog(window, { properties: ['openDirectory'] })).filePaths[0],
  onProgress: (progress) => window.webContents.send('progress', progress),
})
await window.loadFile(here('page.html'))
app.on('window-all-closed', () => void searches.close().finally(() => app.quit()))
