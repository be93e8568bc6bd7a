export const baseCookie = Object.freeze({ secure: true, sameSite: 'lax', path: '/' }); // ok cookie/no-expiry

const BASE = { name: '__Host-id', resave: false, saveUninitialized: false };
export { BASE };
