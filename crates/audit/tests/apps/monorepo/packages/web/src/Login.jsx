import React from 'react';
import axios from 'axios';
import { useNavigate } from 'react-router-dom';

const client = axios.create({ baseURL: '/api' });

export default function Login() {
  const navigate = useNavigate();
  const submit = async (event) => {
    event.preventDefault();
    await client.post('/auth/login', Object.fromEntries(new FormData(event.target))); // ok auth/no-rate-limit
    document.cookie = 'theme=dark'; // ok cookie/no-secure
    navigate(new URLSearchParams(location.search).get('next') ?? '/'); // ok redirect/open
  };
  return <form onSubmit={submit}><input name="user" /><input name="password" type="password" /></form>; // ok secrets/hardcoded
}
