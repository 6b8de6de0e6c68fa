/* A directory of a WebDAV server (RFC 4918): what is below it by PROPFIND, one level at a time, and
 * made by MKCOL. */
#include "stager.h"
#include "text/uri.h"

#define DEPTH_MAX 100

struct level {
    struct transfer *t;
    entry_fn *each;
    void *self;
    struct fault *f;   /* of the one at work */
    const char *url;   /* of the directory, ending in a slash */
    const char *rel;   /* its name below the root, "" or ending in a slash */
    struct strs below; /* directories, by name */
    struct xml *xml;
    /* of the response being read */
    char *href;
    int64_t size;
    bool collection, failed;
};

static void on_start(void *self, const char *name)
{
    struct level *l = self;
    if (str_same(name, "response")) {
        str_fini(&l->href);
        l->size = -1;
        l->collection = false;
    } else if (str_same(name, "collection")) {
        l->collection = true;
    }
}

/* The last name of an href, where that is a child of the directory; NULL for what is not. The
 * caller frees. */
static char *child_name(const struct level *l)
{
    own(str_fini) char *url = uri_resolve(l->url, l->href);
    own(str_fini) char *here = str_print("%.*s", (int)strcspn(l->url, "?#"), l->url);
    const char *path = url ? strchr(strstr(url, "://") ? strstr(url, "://") + 3 : url, '/') : NULL;
    const char *base = strchr(strstr(here, "://") + 3, '/');
    own(str_fini) char *child = path ? uri_decode(path) : NULL;
    own(str_fini) char *parent = base ? uri_decode(base) : NULL;
    size_t n = parent ? strlen(parent) : 0, m = child ? strlen(child) : 0;
    if (!child || !parent || m <= n || strncmp(child, parent, n) != 0)
        return NULL;
    if (child[m - 1] == '/')
        child[m - 1] = '\0';
    return child[n] && !strchr(child + n, '/') ? str_new(child + n) : NULL;
}

static void take_response(struct level *l)
{
    own(str_fini) char *child = l->href ? child_name(l) : NULL;
    if (!child || l->failed) /* the directory itself, or what is not below it */
        return;
    own(str_fini) char *name = str_print("%s%s", l->rel, child);
    struct entry e = {.name = name, .size = l->size};
    e.kind = l->collection ? KIND_DIRECTORY : KIND_FILE;
    if (l->collection)
        strs_add(&l->below, name);
    l->failed = l->each(l->self, &e, l->f) < 0;
}

static void on_end(void *self, const char *name, const char *text)
{
    struct level *l = self;
    if (str_same(name, "href") && !l->href)
        l->href = str_new(text);
    else if (str_same(name, "getcontentlength") && *text && !text[strspn(text, "0123456789")])
        l->size = strtoll(text, NULL, 10);
    else if (str_same(name, "response"))
        take_response(l);
}

static int on_body(void *self, const char *bytes, size_t n, struct fault *f)
{
    struct level *l = self;
    l->f = f;
    if (xml_add(l->xml, bytes, n) < 0 && !l->failed)
        return fault_set(f, REASON_INVALID, false, "the listing of a directory is no XML");
    return l->failed ? -1 : 0;
}

static const char question[] = "<?xml version=\"1.0\"?><propfind xmlns=\"DAV:\"><prop>"
                               "<resourcetype/><getcontentlength/></prop></propfind>";

/* A refusal of PROPFIND in words. */
static int refused(const struct web *w, struct fault *f)
{
    own(str_fini) char *shown = uri_shown(w->url);
    if (w->status != 405 && w->status != 501 && w->status != 400)
        return -1;
    return fault_set(f, REASON_UNSUPPORTED, false,
                     "%s: the server lists no directories (it is no WebDAV); name a file", shown);
}

int dav_readable(const char *url, struct fault *f)
{
    char *headers[] = {"Depth: 0", "Content-Type: application/xml", NULL};
    own(web_fini) struct web w = {.verb = "list",
                                  .method = "PROPFIND",
                                  .url = url,
                                  .headers = headers,
                                  .body = question,
                                  .length = sizeof(question) - 1};
    return web_run(&w, f) < 0 ? refused(&w, f) : 0;
}

static int list_level(struct level *l, struct fault *f)
{
    char *headers[] = {"Depth: 1", "Content-Type: application/xml", NULL};
    own(web_fini) struct web w = {.verb = "list",
                                  .method = "PROPFIND",
                                  .url = l->url,
                                  .headers = headers,
                                  .body = question,
                                  .length = sizeof(question) - 1,
                                  .sink = on_body,
                                  .self = l};
    own(str_fini) char *shown = uri_shown(l->url);
    if (web_run(&w, f) < 0)
        return l->failed ? -1 : refused(&w, f);
    if (w.status != 207 || xml_end(l->xml) < 0)
        return fault_set(f, REASON_INVALID, false, "%s: the server's listing is not whole", shown);
    return l->failed ? -1 : 0;
}

static int list_below(const struct level *up, const char *root, const char *rel, int depth,
                      struct fault *f)
{
    own(str_fini) char *url = url_below(root, rel);
    own(str_fini) char *shown = uri_shown(root);
    struct level l = *up;
    l.url = *rel ? url : root;
    l.rel = rel;
    l.below = (struct strs){0};
    l.href = NULL;
    l.xml = xml_new(on_start, on_end, &l);
    int rc = 0;
    if (!l.xml)
        rc = fault_set(f, REASON_MISSING, false,
                       "execdm-stage was built without libxml2 and cannot list %s", shown);
    else if (depth > DEPTH_MAX)
        rc = fault_set(f, REASON_INVALID, false, "%s is nested deeper than %d directories", shown,
                       DEPTH_MAX);
    else
        rc = list_level(&l, f);
    for (size_t i = 0; rc == 0 && i < l.below.n; i++) {
        own(str_fini) char *below = str_print("%s/", l.below.list[i]);
        rc = list_below(up, root, below, depth + 1, f);
    }
    xml_free(l.xml);
    str_fini(&l.href);
    strs_fini(&l.below);
    return rc;
}

int dav_list(struct transfer *t, const char *url, entry_fn *each, void *self, struct fault *f)
{
    const struct level top = {.t = t, .each = each, .self = self};
    return list_below(&top, url, "", 0, f);
}

/* Others may make it at the same time, and what a server says then differs: so we look. */
static int make(const char *url, long *status, struct fault *f)
{
    struct fault ignored;
    own(web_fini) struct web w = {.verb = "make", .method = "MKCOL", .url = url};
    int rc = web_run(&w, f);
    *status = w.status;
    return rc == 0 || (w.status != 409 && dav_readable(url, &ignored) == 0) ? 0 : -1;
}

int dav_parents(const char *url, struct fault *f)
{
    long status;
    own(str_fini) char *parent = str_print("%.*s", (int)strcspn(url, "?#"), url);
    own(str_fini) char *shown = uri_shown(url);
    char *path = strstr(parent, "://") ? strchr(strstr(parent, "://") + 3, '/') : NULL;
    for (size_t n = strlen(parent); n > 0 && parent[n - 1] == '/'; n--)
        parent[n - 1] = '\0';
    if (!path || !strrchr(path, '/') || strrchr(path, '/') == path)
        return fault_set(f, REASON_INVALID, false, "%s has no directory that could be made", shown);
    strrchr(path, '/')[1] = '\0';
    if (make(parent, &status, f) == 0)
        return 0;
    if (status != 409 || dav_parents(parent, f) < 0)
        return -1;
    return make(parent, &status, f);
}

/* --- a place of a job --- */

/* The URL of a collection ends in a slash (RFC 4918, 5.2), but not that of the server's root. */
static char *collection(const char *url, struct fault *f)
{
    size_t n = strcspn(url, "?#");
    while (n > 0 && url[n - 1] == '/')
        n--;
    own(str_fini) char *place = str_print("%.*s/", (int)n, url);
    own(str_fini) char *shown = uri_shown(url);
    const char *host = strstr(place, "://");
    if (host && host[3] && strchr(host + 3, '/')[1])
        return move(place);
    fault_set(f, REASON_INVALID, false, "%s is the root of a server", shown);
    return NULL;
}

int dav_create(struct transfer *t, const char *url, struct fault *f)
{
    struct fault ignored;
    own(str_fini) char *place = collection(url, f);
    own(str_fini) char *shown = uri_shown(url);
    (void)t;
    for (int again = 0; place; again++) {
        own(web_fini) struct web w = {.verb = "make", .method = "MKCOL", .url = place};
        if (web_run(&w, f) == 0)
            return 0;
        if (w.status == 405 && dav_readable(place, &ignored) == 0)
            return fault_set(f, REASON_EXISTS, false, "%s is there already", shown);
        if (w.status != 409 || again || dav_parents(place, f) < 0)
            break;
    }
    return -1;
}

/* A collection goes with all in it; 207 says that something did not (RFC 4918, 9.6.1). */
int dav_remove(struct transfer *t, const char *url, struct fault *f)
{
    bool single = t->item->type == KIND_FILE;
    own(str_fini) char *place = single ? str_new(url) : collection(url, f);
    own(str_fini) char *shown = uri_shown(url);
    if (!place)
        return -1;
    own(web_fini) struct web w = {.verb = "remove", .method = "DELETE", .url = place};
    if (web_run(&w, f) < 0)
        return f->reason == REASON_NOTFOUND ? 0 : -1;
    return w.status == 207 ? fault_set(f, REASON_DENIED, false,
                                       "cannot remove %s: the server keeps some of it", shown)
                           : 0;
}
