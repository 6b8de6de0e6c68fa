/* s3: as a destination, in one piece or in parts. */
#include "s3.h"
#include "text/uri.h"

#define PART_MIN (8 * 1024 * 1024)
#define PARTS_MAX 10000 /* of one upload */
#define TRIES_MAX 4     /* of one part */

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
    if (s3_head(u->p, &size, f) < 0) {
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

int s3_put(struct stream *s, const char *url, mode_t mode, struct fault *f)
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

/* An upload that is begun and aborted makes nothing, and is allowed to whom a PUT is. */
int s3_writable(const char *url, enum kind type, struct fault *f)
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
