import React from 'react';
import { createRoot } from 'react-dom/client';
import axios from 'axios';

axios.post('/login', { user: 'a', password: 'b' }); // ok auth/no-rate-limit secrets/hardcoded
createRoot(document.getElementById('root')).render(<p>hello</p>); // ok headers/helmet-missing
