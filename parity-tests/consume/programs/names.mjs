const names = Object.keys(await import(process.argv[2])).filter(
  (name) => name !== 'default' && name !== 'module.exports',
)
console.log(JSON.stringify(names.sort()))
