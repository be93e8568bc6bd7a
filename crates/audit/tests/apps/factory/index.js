import { build } from './build.js';
import { accounts } from './modules/accounts.js';
import { pages } from './modules/pages.js';

const server = build({ modules: [pages, accounts], trustProxy: 1 });
server.listen(process.env.PORT);
