// In CommonJS.

import backstop = require('backstop');
import core = require('backstop/core');
import inline = require('backstop/inline');

const codes: backstop.Code[] = backstop.planner.check(backstop.emptyRoster());
const api: core.Api = core.instantiate({} as WebAssembly.Module);
const same: backstop.Code[] = inline.planner.check(api.emptyRoster());
void [codes, same];
