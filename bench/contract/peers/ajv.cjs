// The usual loop with ajv: lines, JSON.parse, a compiled validator.
const [modules, schemaFile, data] = process.argv.slice(2);
const Ajv = require(modules + '/ajv/dist/2020');
const fs = require('fs');
const validate = new Ajv({ strict: false }).compile(JSON.parse(fs.readFileSync(schemaFile, 'utf8')));
let rest = '', bad = 0, records = 0;
const stream = fs.createReadStream(data, { encoding: 'utf8', highWaterMark: 1 << 20 });
stream.on('data', piece => {
  const lines = (rest + piece).split('\n');
  rest = lines.pop();
  for (const line of lines) { records++; if (!validate(JSON.parse(line))) bad++; }
});
stream.on('end', () => { if (bad || !records) process.exit(1); });
