/* http: and https:, and WebDAV in so far as a server speaks it. */
#include "stager.h"
#include "text/uri.h"

static int http_open(struct transfer *t, const char *url, struct source **src, struct fault *f)
{
    (void)t, (void)f;
    *src = web_source(url, NULL);
    if (url_is_folder(url))
        (*src)->kind = KIND_DIRECTORY;
    return 0;
}

/* --- asking --- */

static int enough(void *self, const char *bytes, size_t n, struct fault *f)
{
    (void)self, (void)bytes, (void)n, (void)f;
    return 1; /* the body begins: all we wanted is known */
}

static int64_t number_after(const char *text, char mark)
{
    const char *at = text ? mark ? strchr(text, mark) : text : NULL;
    at = at && mark ? at + 1 : at;
    return at && *at >= '0' && *at <= '9' ? strtoll(at, NULL, 10) : -1;
}

static int ask(const char *method, const char *url, int64_t *size, struct fault *f)
{
    char *first[] = {"Range: bytes=0-0", NULL};
    own(web_fini) struct web w = {.verb = "get", .method = method, .url = url, .sink = enough};
    w.headers = str_same(method, "GET") ? first : NULL;
    int rc = web_run(&w, f);
    if (w.status == 416) { /* no first byte: an empty file */
        *size = 0;
        return 0;
    }
    if (rc < 0)
        return -1;
    *size = w.status == 206 ? number_after(web_header(&w, "Content-Range"), '/')
                            : number_after(web_header(&w, "Content-Length"), 0);
    return 0;
}

static int http_readable(const char *url, struct found *found, struct fault *f)
{
    *found = (struct found){url_is_folder(url) ? KIND_DIRECTORY : KIND_FILE, -1};
    if (found->kind == KIND_DIRECTORY)
        return dav_readable(url, f);
    int rc = ask("HEAD", url, &found->size, f);
    /* signed URLs and small servers often know GET only */
    bool refused = rc < 0 && (f->reason == REASON_DENIED || f->reason == REASON_UNSUPPORTED ||
                              f->reason == REASON_INVALID);
    if (refused || (rc == 0 && found->size < 0))
        rc = ask("GET", url, &found->size, f);
    return rc;
}

static int http_writable(const char *url, enum kind type, struct fault *f)
{
    own(web_fini) struct web w = {.verb = "reach", .method = "OPTIONS", .url = url, .sink = enough};
    (void)type;
    if (web_run(&w, f) < 0)
        return w.status ? 0 : -1; /* nothing definite: it may not be there yet, OPTIONS not known */
    const char *allow = web_header(&w, "Allow");
    if (allow && *allow && !strstr(allow, "PUT") && !strchr(allow, '*')) {
        own(str_fini) char *shown = uri_shown(url);
        return fault_set(f, REASON_DENIED, false, "cannot put %s: the server allows only %s", shown,
                         allow);
    }
    return 0;
}

/* --- as a destination: a PUT --- */

static int verify(struct stream *s, const char *url, struct fault *f)
{
    struct fault why = {0};
    struct found found;
    own(str_fini) char *shown = uri_shown(url);
    const char *name = s->src->name ? s->src->name : shown;
    if (http_readable(url, &found, &why) < 0) {
        if (why.reason == REASON_NOTFOUND)
            return fault_set(f, REASON_CORRUPT, true, "%s was put there, but the server has it not",
                             shown);
        if (why.transient) {
            *f = why;
            return -1;
        }
        return transfer_warn(s->t, name, f, "stored, but not verified: %s", why.text);
    }
    if (found.size < 0)
        return transfer_warn(s->t, name, f, "stored, but not verified: the server gives no length");
    if (found.size != s->count)
        return fault_set(f, REASON_CORRUPT, true,
                         "%s has %" PRId64 " bytes on the server, sent were %" PRId64, shown,
                         found.size, s->count);
    return 0;
}

static int http_put(struct stream *s, const char *url, mode_t mode, struct fault *f)
{
    own(web_fini) struct web w = {.verb = "put", .method = "PUT", .url = url, .stream = s};
    (void)mode;
    int rc = web_run(&w, f);
    /* WebDAV makes no directory by itself; another scheme's 409 means what it says */
    if (rc < 0 && w.status == 409 && !s->failed) {
        struct fault why = {0};
        if (dav_parents(url, &why) < 0 || stream_rewind(s, f) < 0)
            return -1;
        rc = web_run(&w, f);
    }
    if (rc < 0)
        return -1;
    if (!s->ended && stream_read(s, &(char){0}, 1, f) != 0) /* an empty file is never asked for */
        return s->failed ? -1
                         : fault_set(f, REASON_CORRUPT, true,
                                     "%s: the server took only a part of it", s->src->shown);
    return verify(s, url, f);
}

const struct scheme scheme_http = {
    .name = "http",
    .ahead = true,
    .open = http_open,
    .list = dav_list,
    .put = http_put,
    .create = dav_create,
    .remove = dav_remove,
    .readable = http_readable,
    .writable = http_writable,
};

const struct scheme scheme_https = {
    .name = "https",
    .ahead = true,
    .open = http_open,
    .list = dav_list,
    .put = http_put,
    .create = dav_create,
    .remove = dav_remove,
    .readable = http_readable,
    .writable = http_writable,
};
