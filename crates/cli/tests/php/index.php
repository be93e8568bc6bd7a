<?php
// A little shop: sessions of PHP, a login, a CSRF token, an inline script that the policy has to be asked for.
declare(strict_types=1);

$https = ($_SERVER['HTTPS'] ?? '') === 'on' || ($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https';
session_start(['cookie_httponly' => true, 'use_strict_mode' => true]);
$_SESSION['token'] ??= bin2hex(random_bytes(16));
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$escape = fn (string $text): string => htmlspecialchars($text, ENT_QUOTES);
$form = fn (string $say = ''): string => "<form method=post action=/login><input name=username><input name=password type=password>"
    . "<input type=hidden name=token value={$_SESSION['token']}><button>Log in</button></form><p id=message>$say</p>";
header('Content-Type: text/html; charset=utf-8');
if ($path === '/login' && $_SERVER['REQUEST_METHOD'] === 'POST') {
    if (!hash_equals($_SESSION['token'], $_POST['token'] ?? '')) {
        http_response_code(403);
        exit('The form is too old.');
    }
    if (($_POST['username'] ?? '') === 'ada' && password_verify($_POST['password'] ?? '', password_hash('lovelace', PASSWORD_DEFAULT))) {
        session_regenerate_id(true);
        $_SESSION['user'] = 'ada';
        header('Location: ' . ($https ? 'https' : 'http') . "://{$_SERVER['HTTP_HOST']}/account", true, 302);
        exit;
    }
    echo $form('Wrong name or password.');
} elseif ($path === '/login') {
    echo $form();
} elseif ($path === '/account') {
    echo '<h1 id=user>', $escape($_SESSION['user'] ?? 'nobody'), '</h1>';
} else {
    $client = $_SERVER['HTTP_X_FORWARDED_FOR'] ?? $_SERVER['REMOTE_ADDR'];
    $nonce = getenv('PANOPLY_NONCE');
    echo "<h1>Shop</h1><p>$client ", $https ? 'https' : 'http', "</p><script nonce=\"$nonce\">document.title = 'inline';</script>";
}
