#include "stager.h"
#include "text/uri.h"

char *url_below(const char *base, const char *name)
{
    size_t n = strcspn(base, "?#");
    own(str_fini) char *place = str_print("%.*s", (int)n, base);
    own(str_fini) char *below = uri_below(place, name);
    return str_print("%s%s", below, base + n);
}

char *url_bare(const char *url)
{
    own(str_fini) char *cut = str_print("%.*s", (int)strcspn(url, "?#"), url);
    return uri_shown(cut);
}

char *url_lasting(const char *url)
{
    own(str_fini) char *bare = url_bare(url);
    const char *query = strchr(url, '?');
    bool kept = query && str_begins(query, "?endpoint=") && !strchr(query, '@') &&
                strncasecmp(url, "http", 4) != 0;
    return kept ? str_print("%s%.*s", bare, (int)strcspn(query, "&#"), query) : move(bare);
}

bool url_is_folder(const char *url)
{
    size_t n = strcspn(url, "?#");
    return n > 0 && url[n - 1] == '/';
}

char *url_name(const char *url)
{
    own(str_fini) char *bare = url_bare(url);
    const char *path = strstr(bare, "://");
    path = path ? strchr(path + 3, '/') : strchr(bare, '/');
    if (!path)
        return NULL;
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    size_t from = n;
    while (from > 0 && path[from - 1] != '/')
        from--;
    own(str_fini) char *as_file = str_print("file:///%.*s", (int)(n - from), path + from);
    own(str_fini) char *name = uri_file_path(as_file); /* decodes, and refuses %00 */
    if (!name || strchr(name + 1, '/') || !name[1] || str_same(name, "/.") || str_same(name, "/.."))
        return NULL;
    return str_new(name + 1);
}

bool url_is_secret(const char *url)
{
    if (strncasecmp(url, "https://", 8) == 0)
        return true;
    if (strncasecmp(url, "http://", 7) != 0)
        return false;
    const char *host = url + 7, *user = memrchr(host, '@', strcspn(host, "/?#"));
    host = user ? user + 1 : host;
    if (str_begins(host, "[::1]"))
        return strchr(":/?#", host[strlen("[::1]")]) != NULL; /* or the end */
    size_t n = strcspn(host, ":/?#");
    own(str_fini) char *name = str_print("%.*s", (int)n, host);
    bool address = strspn(name, "0123456789.") == n;
    return (address && str_begins(name, "127.")) || strcasecmp(name, "localhost") == 0;
}

char *url_of_operand(const char *text)
{
    own(str_fini) char *scheme = uri_scheme(text);
    if (scheme)
        return str_new(text);
    own(str_fini) char *here = getcwd(NULL, 0);
    own(str_fini) char *path =
        *text == '/' ? str_new(text) : str_print("%s/%s", here ? here : "", text);
    const char *at = path; /* a file: URL has no empty name at its head */
    while (at[0] == '/' && at[1] == '/')
        at++;
    return uri_of_path(at);
}
