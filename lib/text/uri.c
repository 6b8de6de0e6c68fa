#include "text/uri.h"
#include "text/buf.h"

#define ALPHA "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

char *uri_scheme(const char *text)
{
    size_t n = strspn(text, ALPHA DIGIT "+.-");
    if (n < 1 || text[n] != ':' || !strchr(ALPHA, text[0]))
        return NULL;
    char *scheme = str_print("%.*s", (int)n, text);
    for (char *c = scheme; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return scheme;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *uri_decode(const char *text)
{
    own(buf_fini) struct buf b = {0};
    buf_str(&b, "");
    for (; *text; text++) {
        if (*text == '%') {
            int high = hex(text[1]), low = high < 0 ? -1 : hex(text[2]);
            if (low < 0 || (high == 0 && low == 0))
                return NULL;
            buf_char(&b, (char)(high * 16 + low));
            text += 2;
        } else {
            buf_char(&b, *text);
        }
    }
    return buf_take(&b);
}

char *uri_file_path(const char *url)
{
    if (strncasecmp(url, "file:", 5) != 0)
        return NULL;
    url += 5;
    if (strncasecmp(url, "//localhost/", 12) == 0)
        url += 11;
    else if (str_begins(url, "///"))
        url += 2;
    if (*url != '/' || url[1] == '/')
        return NULL;
    return uri_decode(url);
}

static void add_encoded(struct buf *b, const char *path)
{
    for (; *path; path++) {
        if (strchr(ALPHA DIGIT "-._~/", *path))
            buf_char(b, *path);
        else
            buf_print(b, "%%%02X", (unsigned char)*path);
    }
}

char *uri_of_path(const char *path)
{
    struct buf b = {0};
    buf_str(&b, "file://");
    add_encoded(&b, path);
    return buf_take(&b);
}

char *uri_below(const char *base, const char *name)
{
    struct buf b = {0};
    buf_str(&b, base);
    if (b.len && b.bytes[b.len - 1] != '/')
        buf_char(&b, '/');
    add_encoded(&b, name);
    return buf_take(&b);
}

/* The five parts of a URI reference (RFC 3986, appendix B), as lengths into the text; a part that
 * is not there has no begin. */
struct parts {
    const char *scheme, *authority, *path, *query, *fragment;
    size_t nscheme, nauthority, npath, nquery;
};

static struct parts parts_of(const char *text)
{
    struct parts p = {0};
    const size_t n = strspn(text, ALPHA DIGIT "+.-");
    if (n && text[n] == ':' && strchr(ALPHA, *text)) {
        p.scheme = text;
        p.nscheme = n;
        text += n + 1;
    }
    if (str_begins(text, "//")) {
        p.authority = text + 2;
        p.nauthority = strcspn(p.authority, "/?#");
        text = p.authority + p.nauthority;
    }
    p.path = text;
    p.npath = strcspn(text, "?#");
    text += p.npath;
    if (*text == '?') {
        p.query = text + 1;
        p.nquery = strcspn(p.query, "#");
        text = p.query + p.nquery;
    }
    p.fragment = *text == '#' ? text + 1 : NULL;
    return p;
}

/* "." and ".." taken out of a path (5.2.4). */
static void add_plain_path(struct buf *b, const char *path)
{
    const size_t begin = b->len;
    const bool rooted = *path == '/';
    bool open = false; /* the last part was "." or "..": the path ends with a slash */
    for (path += rooted;; path++) {
        const size_t n = strcspn(path, "/");
        const bool up = n == 2 && path[0] == '.' && path[1] == '.';
        open = up || (n == 1 && path[0] == '.');
        if (!open) {
            if (b->len > begin || rooted)
                buf_char(b, '/');
            buf_add(b, path, n);
        } else if (up) {
            while (b->len > begin && b->bytes[--b->len] != '/')
                ;
        }
        path += n;
        if (!*path)
            break;
    }
    if (open)
        buf_char(b, '/');
}

/* The reference's path behind the last slash of the base's (5.2.3). */
static char *merged_path(const struct parts *base, const struct parts *r)
{
    size_t n = base->npath;
    if (base->authority && n == 0)
        return str_print("/%.*s", (int)r->npath, r->path);
    while (n > 0 && base->path[n - 1] != '/')
        n--;
    return str_print("%.*s%.*s", (int)n, base->path, (int)r->npath, r->path);
}

char *uri_resolve(const char *base, const char *reference)
{
    const struct parts r = parts_of(reference), b = parts_of(base);
    const struct parts *authority = r.scheme || r.authority ? &r : &b;
    const struct parts *scheme = r.scheme ? &r : &b;
    const bool whole = authority == &r, same = !whole && r.npath == 0;
    const struct parts *query = same && !r.query ? &b : &r;
    struct buf out = {0};
    buf_str(&out, "");
    if (*reference == '#') { /* most are */
        buf_add(&out, base, strcspn(base, "#"));
        buf_str(&out, reference);
        return buf_take(&out);
    }
    if (scheme->scheme)
        buf_print(&out, "%.*s:", (int)scheme->nscheme, scheme->scheme);
    if (authority->authority)
        buf_print(&out, "//%.*s", (int)authority->nauthority, authority->authority);
    if (same) {
        buf_add(&out, b.path, b.npath);
    } else {
        own(str_fini) char *path =
            whole || *r.path == '/' ? str_print("%.*s", (int)r.npath, r.path) : merged_path(&b, &r);
        if (strchr(path, '/') || !whole)
            add_plain_path(&out, path);
        else
            buf_str(&out, path); /* urn:a:b */
    }
    if (query->query)
        buf_print(&out, "?%.*s", (int)query->nquery, query->query);
    if (r.fragment)
        buf_print(&out, "#%s", r.fragment);
    return buf_take(&out);
}

bool uri_has_user(const char *url)
{
    const char *authority = strstr(url, "://");
    const size_t n = authority ? strcspn(authority + 3, "/?#") : 0;
    return n && memchr(authority + 3, '@', n);
}

char *uri_host(const char *url)
{
    const char *at = strstr(url, "://"), *end;
    if (!at)
        return NULL;
    at += 3;
    end = at + strcspn(at, "/?#\\");
    for (const char *p = at; p < end; p++)
        if (*p == '@')
            at = p + 1;
    if (*at == '[')
        return str_print("%.*s", (int)strcspn(at + 1, "]/"), at + 1);
    const size_t n = strcspn(at, ":/?#\\");
    return n ? str_print("%.*s", (int)n, at) : NULL;
}

char *uri_shown(const char *url)
{
    const char *authority = strstr(url, "://");
    if (!authority)
        return str_new(url);
    authority += 3;
    const char *end = authority + strcspn(authority, "/?#");
    const char *host = authority;
    for (const char *p = authority; p < end; p++)
        if (*p == '@')
            host = p + 1;
    size_t rest = strcspn(end, "?#");
    return str_print("%.*s%.*s%.*s%s", (int)(authority - url), url, (int)(end - host), host,
                     (int)rest, end, end[rest] == '?' ? "?..." : "");
}
