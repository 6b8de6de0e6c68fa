/* s3: what is there. A bucket is flat: a directory is what several keys begin with, up to a slash.
 */
#include "s3.h"
#include "text/uri.h"

#define PAGE "1000" /* keys of one listing: what is kept in memory */

static int enough(void *self, const char *bytes, size_t n, struct fault *f)
{
    (void)self, (void)bytes, (void)n, (void)f;
    return 1;
}

static int64_t number(const char *text)
{
    return text && *text >= '0' && *text <= '9' ? strtoll(text, NULL, 10) : -1;
}

/* An answer to HEAD has no body, so what went wrong is asked for by a GET of one byte. */
int s3_head(struct s3 *p, int64_t *size, struct fault *f)
{
    char *first[] = {"Range: bytes=0-0", NULL};
    own(web_fini) struct web w = {.verb = "get", .method = "HEAD"};
    int rc = s3_run(p, &w, p->key, NULL, f);
    bool part = rc < 0 && (w.status == 400 || w.status == 403);
    if (part) {
        web_fini(&w);
        w = (struct web){.verb = "get", .method = "GET", .headers = first, .sink = enough};
        rc = s3_run(p, &w, p->key, NULL, f);
    }
    if (rc < 0)
        return -1;
    const char *range = web_header(&w, "Content-Range"), *slash = range ? strchr(range, '/') : NULL;
    *size = number(slash ? slash + 1 : part ? NULL : web_header(&w, "Content-Length"));
    return 0;
}

struct page {
    struct strs keys;
    int64_t *sizes;
    char **etags; /* each may be NULL */
    size_t n;
    char *token;
    bool encoded, more, inside; /* inside: of Contents */
    char *key, *etag;
    int64_t size;
};

static void page_fini(struct page *g)
{
    for (size_t i = 0; i < g->n; i++)
        free(g->etags[i]);
    strs_fini(&g->keys);
    free(g->sizes), free(g->etags), free(g->token), free(g->key), free(g->etag);
    *g = (struct page){0};
}

static void on_start(void *self, const char *name)
{
    struct page *g = self;
    g->inside = g->inside || str_same(name, "Contents");
}

static void take_text(char **place, const char *text)
{
    free(*place);
    *place = str_new(text);
}

static void add_key(struct page *g)
{
    if (!g->key)
        return;
    if ((g->n & (g->n + 1)) == 0) {
        g->sizes = mem_grow(g->sizes, 2 * g->n + 2, sizeof(*g->sizes));
        g->etags = mem_grow(g->etags, 2 * g->n + 2, sizeof(*g->etags));
    }
    g->sizes[g->n] = g->size;
    g->etags[g->n++] = move(g->etag);
    strs_add(&g->keys, g->key);
    str_fini(&g->key);
    g->size = -1;
}

static void on_end(void *self, const char *name, const char *text)
{
    struct page *g = self;
    if (str_same(name, "Contents")) {
        add_key(g);
        g->inside = false;
    } else if (g->inside && str_same(name, "Key")) {
        take_text(&g->key, text);
    } else if (g->inside && str_same(name, "Size")) {
        g->size = number(text);
    } else if (g->inside && str_same(name, "ETag")) {
        take_text(&g->etag, text);
    } else if (str_same(name, "NextContinuationToken")) {
        take_text(&g->token, text);
    } else if (str_same(name, "IsTruncated")) {
        g->more = str_same(text, "true");
    } else if (str_same(name, "EncodingType")) {
        g->encoded = str_same(text, "url");
    }
}

struct feeding {
    struct xml *xml;
    const char *shown;
};

static int on_bytes(void *self, const char *bytes, size_t n, struct fault *f)
{
    struct feeding *d = self;
    if (xml_add(d->xml, bytes, n) == 0)
        return 0;
    return fault_set(f, REASON_CORRUPT, true, "%s: the listing is no well-formed XML", d->shown);
}

/* A space may come as a plus; a plus never does. */
static void decode_keys(struct page *g)
{
    for (size_t i = 0; g->encoded && i < g->n; i++) {
        for (char *c = g->keys.list[i]; *c; c++)
            if (*c == '+')
                *c = ' ';
        char *key = uri_decode(g->keys.list[i]);
        if (!key)
            continue;
        free(g->keys.list[i]);
        g->keys.list[i] = key;
    }
}

/* The next page of keys that begin with prefix; at most `most` of them. */
static int list_page(struct s3 *p, const char *prefix, const char *most, struct page *g,
                     struct fault *f)
{
    own(str_fini) char *token = move(g->token);
    const struct s3_query query[S3_QUERY_MAX] = {{"continuation-token", token},
                                                 {"encoding-type", "url"},
                                                 {"list-type", "2"},
                                                 {"max-keys", most},
                                                 {"prefix", prefix}};
    page_fini(g);
    struct feeding d = {xml_new(on_start, on_end, g), p->shown};
    if (!d.xml)
        return fault_set(f, REASON_MISSING, false,
                         "execdm-stage was built without libxml2 and cannot list %s", p->shown);
    own(web_fini) struct web w = {.verb = "list", .method = "GET", .sink = on_bytes, .self = &d};
    int rc = s3_run(p, &w, NULL, query, f);
    if (rc == 0 && xml_end(d.xml) < 0)
        rc = fault_set(f, REASON_CORRUPT, true, "%s: the listing breaks off", p->shown);
    xml_free(d.xml);
    if (rc < 0)
        return -1;
    decode_keys(g);
    if (g->more && !g->token)
        return fault_set(f, REASON_CORRUPT, false, "%s: the listing has more and tells not where",
                         p->shown);
    if (token && str_same(token, g->token))
        return fault_set(f, REASON_CORRUPT, false, "%s: the listing goes round", p->shown);
    return 0;
}

/* What keys of this directory begin with. The caller frees. */
char *s3_prefix(const struct s3 *p)
{
    size_t n = strlen(p->key);
    return str_print("%s%s", p->key, n == 0 || p->key[n - 1] == '/' ? "" : "/");
}

bool s3_is_folder(const struct s3 *p)
{
    return !*p->key || p->key[strlen(p->key) - 1] == '/';
}

/* An object, or else what keys begin with. An empty bucket is a directory, too. */
int s3_look(struct s3 *p, enum kind *kind, int64_t *size, struct fault *f)
{
    if (!s3_is_folder(p)) {
        *kind = KIND_FILE;
        if (s3_head(p, size, f) == 0)
            return 0;
        if (f->reason != REASON_NOTFOUND)
            return -1;
    }
    struct fault why = *f;
    own(page_fini) struct page g = {0};
    own(str_fini) char *prefix = s3_prefix(p);
    *kind = KIND_DIRECTORY;
    int rc = list_page(p, prefix, "1", &g, f);
    if (rc == 0 && (g.n > 0 || !*p->key))
        return 0;
    if (rc < 0 && f->reason == REASON_NOTFOUND) /* it names the bucket */
        return -1;
    if (s3_is_folder(p))
        return rc < 0 ? -1
                      : fault_set(f, REASON_NOTFOUND, false, "%s: no key begins with it", p->shown);
    *f = why;
    return -1;
}

int s3_keys(struct s3 *p, const char *prefix, const char *most, struct strs *keys, struct fault *f)
{
    own(page_fini) struct page g = {0};
    if (list_page(p, prefix, most, &g, f) < 0)
        return -1;
    *keys = g.keys;
    g.keys = (struct strs){0};
    return 0;
}

static int tell(const struct s3 *p, const struct page *g, size_t i, size_t skip, entry_fn *each,
                void *self, struct fault *f)
{
    own(str_fini) char *name = str_new(g->keys.list[i] + skip);
    size_t n = strlen(name);
    if (n == 0) /* what marks the directory itself */
        return 0;
    bool folder = name[n - 1] == '/' && g->sizes[i] == 0;
    if (folder)
        name[n - 1] = '\0';
    own(str_fini) char *object = uri_below("", g->keys.list[i]);
    own(str_fini) char *url = str_print("s3://%s/%s%s", p->bucket, object, p->query);
    own(str_fini) char *md5 = s3_etag_md5(&(struct web){0}, g->etags[i]);
    const struct entry e = {
        .name = name,
        .kind = folder ? KIND_DIRECTORY : KIND_FILE,
        .size = g->sizes[i],
        .url = url,
        .checksum = md5,
        .loose = true, /* with a key of the user's it is another's */
    };
    return each(self, &e, f);
}

int s3_list(struct transfer *t, const char *url, entry_fn *each, void *self, struct fault *f)
{
    own(s3_fini) struct s3 p = {0};
    own(page_fini) struct page g = {0};
    (void)t;
    if (s3_init(&p, url, f) < 0)
        return -1;
    own(str_fini) char *prefix = s3_prefix(&p);
    do {
        if (list_page(&p, prefix, PAGE, &g, f) < 0)
            return -1;
        for (size_t i = 0; i < g.n; i++) {
            if (!str_begins(g.keys.list[i], prefix))
                return fault_set(f, REASON_CORRUPT, false, "%s: a key was listed that is not in it",
                                 p.shown);
            if (tell(&p, &g, i, strlen(prefix), each, self, f) < 0)
                return -1;
        }
    } while (g.more);
    return 0;
}
