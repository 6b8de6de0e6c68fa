/* URIs as far as this project takes them apart (RFC 3986). */
#ifndef TEXT_URI_H
#define TEXT_URI_H

#include "text/base.h"

/* "https" for "https://x", in lower case; NULL when the text has no scheme. The caller frees. */
char *uri_scheme(const char *text);
/* The text with its percent-encoding undone; NULL when that is wrong or gives a NUL. The caller
 * frees. */
char *uri_decode(const char *text);
/* The path a file: URL means (file:///a%20b or file:/a), or NULL when it is none, names another
 * host, or holds %00. The caller frees. */
char *uri_file_path(const char *url);
/* The file: URL of an absolute path. The caller frees. */
char *uri_of_path(const char *path);
/* The URL of `name` (a relative path) below `base`, percent-encoded. The caller frees. */
char *uri_below(const char *base, const char *name);
/* What a reference means where `base` (absolute, or "" for none) is the base (RFC 3986, 5.2). The
 * caller frees. */
char *uri_resolve(const char *base, const char *reference);
/* Does it name a user, like "http://ada@host/", with or without a password? */
bool uri_has_user(const char *url);
/* The host of a URL, without user, port and the brackets of an IPv6 address, or NULL when it names
 * none. The caller frees. */
char *uri_host(const char *url);
/* The URL without user, password and query, for messages. The caller frees. */
char *uri_shown(const char *url);

#endif
