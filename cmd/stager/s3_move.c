/* s3: as a source, as a destination, and what is asked beforehand. A bucket is flat: a directory is
 * what several keys begin with, up to a slash. */
#include "s3.h"
#include "text/uri.h"

#define PART_MIN (8 * 1024 * 1024)
#define PARTS_MAX 10000 /* of one upload */
#define PAGE "1000"     /* keys of one listing: what is kept in memory */
#define TRIES_MAX 4     /* of one part */

/* --- what is there --- */

static int enough(void *self, const char *bytes, size_t n, struct fault *f)
{
    (void)self, (void)bytes, (void)n, (void)f;
    return 1;
}

static int digit64(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* x-amz-checksum-sha256 is base64; that of parts has a -N behind it and is another thing. */
static char *sha256_of(const char *base64)
{
    own(buf_fini) struct buf sum = {0};
    unsigned bits = 0, n = 0;
    buf_str(&sum, "sha256:");
    for (; base64 && digit64(*base64) >= 0; base64++) {
        bits = bits << 6 | (unsigned)digit64(*base64);
        n += 6;
        if (n >= 8) {
            n -= 8;
            buf_print(&sum, "%02x", bits >> n & 0xff);
        }
    }
    return base64 && str_same(base64, "=") ? checksum_parse(sum.bytes) : NULL;
}

static int64_t number(const char *text)
{
    return text && *text >= '0' && *text <= '9' ? strtoll(text, NULL, 10) : -1;
}

/* An answer to HEAD has no body, so what went wrong is asked for by a GET of one byte. */
static int head(struct s3 *p, int64_t *size, struct fault *f)
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
static int look(struct s3 *p, enum kind *kind, int64_t *size, struct fault *f)
{
    if (!s3_is_folder(p)) {
        *kind = KIND_FILE;
        if (head(p, size, f) == 0)
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

/* --- as a source --- */

struct s3_source {
    struct source base;
    struct source *inner;
    char *url;
    bool asked;            /* where the bucket is, and that this is an object */
    struct digest *digest; /* NULL: nothing to compare with, or not all of it came by here */
    char *want;            /* what the server says it has, or NULL */
    int64_t count;
};

static int point_at(struct s3_source *s, struct s3 *p)
{
    own(str_fini) char *place = s3_url(p, p->key, NULL);
    strs_add(&p->headers, "x-amz-checksum-mode: ENABLED");
    p->access.headers = p->headers.list;
    source_close(&s->inner);
    s->inner = web_source(place, &p->access);
    return 0;
}

/* What was not asked about, because a listing had told of it, may still be in another region. */
static int ask(struct s3_source *s, struct fault *f)
{
    own(s3_fini) struct s3 p = {0};
    int64_t size;
    enum kind kind;
    s->asked = true;
    return s3_init(&p, s->url, f) < 0 || look(&p, &kind, &size, f) < 0 ? -1 : point_at(s, &p);
}

static void compare_anew(struct s3_source *s)
{
    struct fault ignored;
    const struct web *w = web_answer(s->inner);
    digest_free(s->digest);
    free(s->want);
    s->count = 0;
    s->want = sha256_of(web_header(w, "x-amz-checksum-sha256"));
    if (!s->want)
        s->want = s3_etag_md5(w, web_header(w, "ETag"));
    s->digest = s->want ? digest_new(s->want, &ignored) : NULL; /* a system may have no MD5 */
}

static int s3_begin(struct source *src, struct fault *f)
{
    struct s3_source *s = (struct s3_source *)src;
    int rc = s->inner->begin(s->inner, f);
    if (rc < 0 && !s->asked && !f->transient)
        rc = ask(s, f) < 0 ? -1 : s->inner->begin(s->inner, f);
    if (rc < 0)
        return -1;
    src->size = s->inner->size;
    free(src->validator);
    src->validator = str_new(s->inner->validator);
    compare_anew(s);
    return 0;
}

static int s3_resume(struct source *src, int64_t offset, struct fault *f)
{
    struct s3_source *s = (struct s3_source *)src;
    if (s->inner->resume(s->inner, offset, f) < 0)
        return -1;
    if (offset == s->count)
        return 0;
    digest_free(s->digest);
    s->digest = NULL;
    return 0;
}

static ssize_t s3_read(struct source *src, char *bytes, size_t n, struct fault *f)
{
    struct s3_source *s = (struct s3_source *)src;
    char sum[CHECKSUM_TEXT];
    ssize_t got = s->inner->read(s->inner, bytes, n, f);
    if (got < 0 || !s->digest)
        return got;
    digest_add(s->digest, bytes, (size_t)got);
    s->count += got;
    if (s->count != src->size)
        return got;
    bool same = digest_end(s->digest, s->want, sum);
    digest_free(s->digest);
    s->digest = NULL;
    if (same)
        return got;
    fault_set(f, REASON_CORRUPT, true, "%s does not have the checksum %s, which the server tells",
              src->shown, s->want);
    f->restart = true;
    return -1;
}

static void s3_close(struct source *src)
{
    struct s3_source *s = (struct s3_source *)src;
    source_close(&s->inner);
    digest_free(s->digest);
    free(s->want), free(s->url);
}

static int s3_open(struct transfer *t, const char *url, struct source **src, struct fault *f)
{
    own(s3_fini) struct s3 p = {0};
    int64_t size;
    enum kind kind = KIND_FILE;
    bool told = t->item->type == KIND_FILE && t->item->size >= 0; /* as by a listing */
    if (s3_init(&p, url, f) < 0 || (!told && look(&p, &kind, &size, f) < 0))
        return -1;
    struct s3_source *s = mem_new(sizeof(*s));
    s->base = (struct source){
        .kind = kind,
        .size = -1,
        .fd = -1,
        .name = url_name(url),
        .shown = str_new(p.shown),
        .begin = s3_begin,
        .resume = s3_resume,
        .read = s3_read,
        .close = s3_close,
    };
    s->url = str_new(url);
    s->asked = !told;
    *src = &s->base;
    return point_at(s, &p);
}

/* --- a directory --- */

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

static int s3_list(struct transfer *t, const char *url, entry_fn *each, void *self, struct fault *f)
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

/* --- as a destination --- */

struct upload {
    struct s3 *p;
    struct stream *stream;
    char *bytes; /* one part; kept until it is stored, so that it can be sent again */
    size_t room, n;
    char *id;
    struct buf parts; /* the document that ends the upload */
    int count;
};

static void upload_fini(struct upload *u)
{
    free(u->bytes), free(u->id);
    buf_fini(&u->parts);
}

/* Fills the part; the stream has ended when it is not full. */
static int fill(struct upload *u, struct fault *f)
{
    u->n = 0;
    while (u->n < u->room) {
        ssize_t got = stream_read(u->stream, u->bytes + u->n, u->room - u->n, f);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        u->n += (size_t)got;
    }
    return 0;
}

/* What is in memory is sent again at once or soon; only when that does not help, all of it is. */
static int send_part(struct upload *u, const struct s3_query *query, char **etag, struct fault *f)
{
    char *type[] = {"Content-Type: application/octet-stream", NULL};
    own(web_fini) struct web w = {
        .verb = "put", .method = "PUT", .headers = type, .body = u->bytes, .length = u->n};
    for (int tries = 1; s3_run(u->p, &w, u->p->key, query, f) < 0; tries++) {
        if (!f->transient || tries >= TRIES_MAX || stager_signal || f->pause > 30)
            return -1;
        long ms = f->pause > 0 ? 1000 * f->pause : 250L << tries;
        for (; ms > 0 && !stager_signal; ms -= 100)
            nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    }
    char sum[CHECKSUM_TEXT];
    struct fault ignored;
    *etag = str_new(web_header(&w, "ETag"));
    own(str_fini) char *md5 = s3_etag_md5(&w, *etag);
    struct digest *d = md5 ? digest_new(md5, &ignored) : NULL;
    if (!d)
        return 0;
    digest_add(d, u->bytes, u->n);
    bool same = digest_end(d, md5, sum);
    digest_free(d);
    if (same)
        return 0;
    str_fini(etag);
    return fault_set(f, REASON_CORRUPT, true, "%s: the server stored other bytes than were sent",
                     u->p->shown);
}

static int run_post(struct upload *u, struct web *w, const struct s3_query *query, struct fault *f)
{
    char *type[] = {"Content-Type: application/xml", NULL};
    w->method = "POST";
    w->verb = "put";
    w->headers = type;
    int rc = s3_run(u->p, w, u->p->key, query, f);
    w->headers = NULL;
    return rc;
}

static int begin_upload(struct upload *u, struct fault *f)
{
#ifdef HAVE_LIBXML2
    const struct s3_query query[] = {{"uploads", ""}, {0}};
    own(web_fini) struct web w = {.body = "", .length = 0};
    if (run_post(u, &w, query, f) < 0)
        return -1;
    u->id = s3_said(&w, "UploadId");
    return u->id ? 0
                 : fault_set(f, REASON_CORRUPT, true, "%s: the server gives no name for the upload",
                             u->p->shown);
#else /* one that is begun could not be ended: its name would not be known */
    return fault_set(f, REASON_MISSING, false,
                     "execdm-stage was built without libxml2 and cannot put %s in parts",
                     u->p->shown);
#endif
}

/* Parts that stay behind are paid for and seen by nobody. A signal that ends us waits for this. */
static void abort_upload(struct upload *u)
{
    struct fault ignored = {0};
    const struct s3_query query[] = {{"uploadId", u->id}, {0}};
    int kept = stager_signal;
    stager_signal = 0;
    for (int tries = 0; tries < 2; tries++) {
        own(web_fini) struct web w = {.verb = "abort", .method = "DELETE"};
        if (s3_run(u->p, &w, u->p->key, query, &ignored) == 0 || !ignored.transient)
            break;
    }
    if (!stager_signal)
        stager_signal = kept;
}

/* An answer of 200 may still say that it failed, because it began before the end was known. */
static int end_upload(struct upload *u, struct fault *f)
{
    const struct s3_query query[] = {{"uploadId", u->id}, {0}};
    buf_str(&u->parts, "</CompleteMultipartUpload>");
    own(web_fini) struct web w = {.body = u->parts.bytes, .length = u->parts.len};
    if (run_post(u, &w, query, f) < 0)
        return -1;
    own(str_fini) char *code = s3_said(&w, "Code");
    own(str_fini) char *etag = s3_said(&w, "ETag");
    if (code || !etag)
        return fault_set(f, REASON_UNREACHABLE, true,
                         "cannot put %s: the server could not put the parts together (%s)",
                         u->p->shown, code ? code : "it does not say why");
    return 0;
}

static int put_parts(struct upload *u, struct fault *f)
{
    buf_str(&u->parts, "<CompleteMultipartUpload>");
    do {
        own(str_fini) char *etag = NULL;
        char number[16];
        snprintf(number, sizeof(number), "%d", ++u->count);
        const struct s3_query query[] = {{"partNumber", number}, {"uploadId", u->id}, {0}};
        if (u->count > PARTS_MAX)
            return fault_set(f, REASON_NOROOM, false,
                             "%s: expected at most %d parts; its size was not known", u->p->shown,
                             PARTS_MAX);
        if (send_part(u, query, &etag, f) < 0)
            return -1;
        if (!etag || strpbrk(etag, "<&"))
            return fault_set(f, REASON_CORRUPT, true, "%s: a part was stored without an ETag",
                             u->p->shown);
        buf_print(&u->parts, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", u->count,
                  etag);
        if (fill(u, f) < 0)
            return -1;
    } while (u->n > 0);
    return end_upload(u, f);
}

static int verify(struct upload *u, struct fault *f)
{
    int64_t size = -1;
    if (head(u->p, &size, f) < 0) {
        if (f->reason == REASON_NOTFOUND)
            return fault_set(f, REASON_CORRUPT, true, "%s was put there, but the server has it not",
                             u->p->shown);
        if (f->transient)
            return -1;
        struct fault why = *f; /* one who may write need not be one who may read */
        return transfer_warn(u->stream->t, u->p->key, f, "stored, but not verified: %s", why.text);
    }
    if (size != u->stream->count)
        return fault_set(f, REASON_CORRUPT, true,
                         "%s has %" PRId64 " bytes on the server, sent were %" PRId64, u->p->shown,
                         size, u->stream->count);
    return 0;
}

/* So that the largest file has not more parts than are allowed. */
static size_t part_size(int64_t size)
{
    int64_t least = size / PARTS_MAX + 1;
    return least > PART_MIN ? (size_t)least : PART_MIN;
}

static int put_upload(struct upload *u, struct fault *f)
{
    own(str_fini) char *etag = NULL;
    if (fill(u, f) < 0)
        return -1;
    if (u->stream->ended || u->n < u->room)
        return send_part(u, NULL, &etag, f) < 0 || verify(u, f) < 0 ? -1 : 0;
    if (begin_upload(u, f) < 0)
        return -1;
    if (put_parts(u, f) == 0)
        return verify(u, f);
    abort_upload(u);
    return -1;
}

static int s3_put(struct stream *s, const char *url, mode_t mode, struct fault *f)
{
    own(s3_fini) struct s3 p = {0};
    own(upload_fini) struct upload u = {.p = &p, .stream = s};
    (void)mode;
    if (s3_init(&p, url, f) < 0)
        return -1;
    if (s3_is_folder(&p))
        return fault_set(f, REASON_INVALID, false, "%s is a directory, expected the key of a file",
                         p.shown);
    u.room = part_size(s->src->size);
    if (s->src->size >= 0 && (size_t)s->src->size < u.room)
        u.room = (size_t)s->src->size + 1;
    u.bytes = mem_grow(NULL, u.room, 1);
    return put_upload(&u, f);
}

/* The bucket itself; whether a key is a directory only the person can know, by a slash. */
static enum kind s3_kind(const char *url)
{
    struct fault ignored;
    own(s3_fini) struct s3 p = {0};
    return s3_init(&p, url, &ignored) == 0 && s3_is_folder(&p) ? KIND_DIRECTORY : KIND_UNKNOWN;
}

/* --- asking --- */

static int s3_readable(const char *url, struct found *found, struct fault *f)
{
    own(s3_fini) struct s3 p = {0};
    found->size = -1;
    return s3_init(&p, url, f) < 0 || look(&p, &found->kind, &found->size, f) < 0 ? -1 : 0;
}

/* An upload that is begun and aborted makes nothing, and is allowed to whom a PUT is. */
static int s3_writable(const char *url, enum kind type, struct fault *f)
{
    own(s3_fini) struct s3 p = {0};
    own(upload_fini) struct upload u = {.p = &p};
    if (s3_init(&p, url, f) < 0)
        return -1;
    if (s3_is_folder(&p) || type == KIND_DIRECTORY) {
        own(str_fini) char *prefix = s3_prefix(&p);
        free(p.key);
        p.key = str_print("%sexecdm-check", prefix);
    }
    if (begin_upload(&u, f) < 0)
        return -1;
    abort_upload(&u);
    return 0;
}

const struct scheme scheme_s3 = {
    .name = "s3",
    .open = s3_open,
    .list = s3_list,
    .put = s3_put,
    .create = s3_create,
    .remove = s3_remove,
    .kind = s3_kind,
    .readable = s3_readable,
    .writable = s3_writable,
};
