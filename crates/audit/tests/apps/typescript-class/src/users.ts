export interface User {
  id: number;
  email: string;
}

export async function verify(email: string, password: string): Promise<User | undefined> {
  const answer = await fetch(process.env.IDENTITY_URL!, { method: 'POST', body: JSON.stringify({ email, password }) });
  return answer.ok ? ((await answer.json()) as User) : undefined;
}
