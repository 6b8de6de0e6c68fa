/* s3: the scheme, and an object as a source. */
#include "s3.h"

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
    return s3_init(&p, s->url, f) < 0 || s3_look(&p, &kind, &size, f) < 0 ? -1 : point_at(s, &p);
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
    if (s3_init(&p, url, f) < 0 || (!told && s3_look(&p, &kind, &size, f) < 0))
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

/* The bucket itself; whether a key is a directory only the person can know, by a slash. */
static enum kind s3_kind(const char *url)
{
    struct fault ignored;
    own(s3_fini) struct s3 p = {0};
    return s3_init(&p, url, &ignored) == 0 && s3_is_folder(&p) ? KIND_DIRECTORY : KIND_UNKNOWN;
}

static int s3_readable(const char *url, struct found *found, struct fault *f)
{
    own(s3_fini) struct s3 p = {0};
    found->size = -1;
    return s3_init(&p, url, f) < 0 || s3_look(&p, &found->kind, &found->size, f) < 0 ? -1 : 0;
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
