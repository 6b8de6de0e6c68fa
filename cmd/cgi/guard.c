#include <arpa/inet.h>
#include <fcntl.h>
#include "guard.h"
#include "host/clock.h"
#include "host/path.h"
#include "text/uri.h"

#define KEY_NAME "form-key"
#define KEY_BYTES 64 /* digits */

/* --- what forms hold --- */

/* Made whole beside its place, and put there unless another was quicker. */
static int make_key(const char *path, struct err *err)
{
    char id[CHANCE_TEXT], one[CHANCE_TEXT], two[CHANCE_TEXT];
    own(str_fini) char *beside = str_print("%s.%s", path, clock_chance(id));
    own(str_fini) char *key = str_print("%s%s", clock_chance(one), clock_chance(two));
    if (path_write(beside, key, strlen(key), 0600, err) < 0)
        return -1;
    const int rc = link(beside, path);
    const int why = errno;
    unlink(beside);
    errno = why;
    return rc == 0 || why == EEXIST ? 0 : err_sys(err, "cannot make %s", path);
}

static int read_key(const char *path, char key[KEY_BYTES + 1], struct err *err)
{
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return err_sys(err, "cannot read %s", path);
    const ssize_t got = read(fd, key, KEY_BYTES + 1);
    if (got != KEY_BYTES)
        return err_set(err, CODE_CONFIG,
                       "%s is not the key of forms as it was written; remove it, and another is "
                       "made",
                       path);
    return 1;
}

int guard_token(struct service *s, char token[SUM_SHA256_TEXT], struct err *err)
{
    char key[KEY_BYTES + 1];
    struct store *store = service_store(s, err);
    if (!store)
        return -1;
    own(str_fini) char *path = str_print("%s/%s", store->dir, KEY_NAME);
    int rc = read_key(path, key, err);
    if (rc == 0)
        rc = make_key(path, err) < 0 ? -1 : read_key(path, key, err);
    if (rc <= 0)
        return rc < 0 ? -1 : err_set(err, CODE_TEMP, "the key of forms was removed just now");
    own(str_fini) char *of = str_print("form of %s\n%s\n%s", s->known ? "a name" : "nobody",
                                       s->who.name ? s->who.name : "", s->base);
    sum_hmac(key, KEY_BYTES, of, token);
    return 0;
}

/* In a time that does not tell how much of it is right. */
static bool is_token(const char *said, const char token[SUM_SHA256_TEXT])
{
    unsigned char differs = 0;
    if (strlen(said) != SUM_SHA256_TEXT - 1)
        return false;
    for (size_t i = 0; i < SUM_SHA256_TEXT - 1; i++)
        differs |= (unsigned char)(said[i] ^ token[i]);
    return differs == 0;
}

/* --- who made the browser send it --- */

/* "https://host:8443" of a URL, as browsers say it: no port that goes without saying. The caller
 * frees. */
static char *origin_of(const char *url)
{
    const char *mark = strstr(url, "://");
    if (!mark)
        return str_new(url);
    char *origin =
        str_print("%.*s", (int)(mark + 3 - url + (ptrdiff_t)strcspn(mark + 3, "/?#")), url);
    char *port = strrchr(origin, ':');
    if (port && ((str_same(port, ":80") && strncasecmp(origin, "http:", 5) == 0) ||
                 (str_same(port, ":443") && strncasecmp(origin, "https:", 6) == 0)))
        *port = '\0';
    return origin;
}

/* An address, or what always means this machine. */
static bool is_address(const char *here)
{
    unsigned char address[sizeof(struct in6_addr)];
    own(str_fini) char *url = str_print("x://%s/", here);
    own(str_fini) char *host = uri_host(url);
    return host && (strcasecmp(host, "localhost") == 0 || inet_pton(AF_INET, host, address) == 1 ||
                    inet_pton(AF_INET6, host, address) == 1);
}

/* Where the configuration says no URL, the client's word for the host is good: a browser does not
 * let pages choose it. But whoever has a name can make it lead here, and then a page of theirs is
 * of the same host: of who has shown no name nothing is taken by a host that is a name. */
static bool is_ours(const struct service *s, const struct request *r, const char *said)
{
    own(str_fini) char *origin = origin_of(said);
    own(str_fini) char *own = origin_of(s->base);
    if (strstr(s->base, "://"))
        return strcasecmp(origin, own) == 0;
    const char *host = strstr(origin, "://"), *here = request_header(r, "HTTP_HOST");
    return host && *here && strcasecmp(host + 3, here) == 0 && (s->known || is_address(here));
}

static const char *first_said(const char *a, const char *b)
{
    return *a ? a : b;
}

static int refuse_foreign(const struct service *s, struct reply *p)
{
    own(str_fini) char *own = origin_of(s->base);
    return reply_refuse(p, 403,
                        "a page of another site has sent this; only pages of %s may change "
                        "something here",
                        *own ? own : "this site, whose url is not configured,");
}

int guard_check(struct service *s, const struct request *r, struct reply *p, struct err *err)
{
    char token[SUM_SHA256_TEXT];
    const char *site = request_header(r, "HTTP_SEC_FETCH_SITE");
    const char *from =
        first_said(request_header(r, "HTTP_ORIGIN"), request_header(r, "HTTP_REFERER"));
    if (r->method == METHOD_GET || r->method == METHOD_HEAD || r->method == METHOD_OPTIONS)
        return 1;
    /* "none": the user, by the browser itself */
    if (*site && strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0)
        return refuse_foreign(s, p);
    if (*from && !is_ours(s, r, from))
        return refuse_foreign(s, p);
    size_t at = 0;
    const char *said = params_next(&r->form, GUARD_FIELD, &at);
    if (!said && !request_browser(r))
        return 1;
    if (guard_token(s, token, err) < 0)
        return -1;
    return said && is_token(said, token)
               ? 1
               : reply_refuse(p, 403,
                              "this form is not one of ours, or it is out of date; load the page "
                              "again, and press the button there");
}
