export default { server: { proxy: { '/api': 'http://localhost:4000' } } }; // ok tls/plain-http-server
