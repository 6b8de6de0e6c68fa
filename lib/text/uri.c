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
    own(buf_fini) struct buf b = {0};
    for (; *url; url++) {
        if (*url == '%') {
            int high = hex(url[1]), low = high < 0 ? -1 : hex(url[2]);
            if (low < 0 || (high == 0 && low == 0))
                return NULL;
            buf_char(&b, (char)(high * 16 + low));
            url += 2;
        } else {
            buf_char(&b, *url);
        }
    }
    return buf_take(&b);
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
