<?php
// A login that is never right, and says whom it was for: in a form, or in JSON that it reads by itself.
declare(strict_types=1);

$json = json_decode(file_get_contents('php://input'), true);
$name = $_REQUEST['username'] ?? (is_array($json) ? $json['username'] ?? null : null);
if (is_string($name) && ($_SERVER['HTTP_X_APP'] ?? '') === 'cleaned') {
    // As WordPress cleans the name of a user before it looks for one.
    $name = preg_replace(['/%[a-f0-9]{2}/i', '/&.+?;/'], '', strip_tags($name));
}
if (is_string($name)) {
    header('X-Read: ' . preg_replace_callback('/[^A-Za-z0-9]/', fn ($c) => sprintf('%%%02x', ord($c[0])), strtolower(trim($name))));
}
http_response_code(401);
