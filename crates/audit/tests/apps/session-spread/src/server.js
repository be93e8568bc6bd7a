import { createApp } from './app.js';

const app = await createApp();
app.listen(Number(process.env.PORT)); // ok tls/plain-http-server
