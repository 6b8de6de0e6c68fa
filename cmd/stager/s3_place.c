/* S3: the place of a job. A bucket is made and deleted; what is below a key is made by what is
 * stored there, and is the job's own when nothing was there before. */
#include "s3.h"
#include "text/uri.h"

#define PAGE "1000" /* keys of one listing */

/* Every region but the first wants to be named (CreateBucket). */
static int make_bucket(struct s3 *p, struct fault *f)
{
    own(str_fini) char *body =
        str_same(p->region, "us-east-1")
            ? NULL
            : str_print(
                  "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                  "<LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>",
                  p->region);
    own(web_fini) struct web w = {
        .verb = "make", .method = "PUT", .body = body, .length = body ? strlen(body) : 0};
    if (s3_run(p, &w, NULL, NULL, f) == 0)
        return 0;
    if (w.status == 409) /* of ours or of somebody else: names of buckets are everybody's */
        return fault_set(f, REASON_EXISTS, false, "%s is there already", p->shown);
    return -1;
}

int s3_create(struct transfer *t, const char *url, struct fault *f)
{
    own(s3_fini) struct s3 p = {0};
    own(strs_fini) struct strs keys = {0};
    (void)t;
    if (s3_init(&p, url, f) < 0)
        return -1;
    own(str_fini) char *prefix = s3_prefix(&p);
    int rc = s3_keys(&p, prefix, "1", &keys, f);
    /* one's own bucket may be made again without a word of it, so it is looked for */
    if (rc == 0 && (keys.n > 0 || !*p.key))
        return fault_set(f, REASON_EXISTS, false, "%s is there already", p.shown);
    return rc < 0 && f->reason == REASON_NOTFOUND && !*p.key ? make_bucket(&p, f) : rc;
}

static int delete (struct s3 *p, const char *key, struct fault *f)
{
    own(web_fini) struct web w = {.verb = "remove", .method = "DELETE"};
    return s3_run(p, &w, key, NULL, f) == 0 || f->reason == REASON_NOTFOUND ? 0 : -1;
}

/* Page by page: what was deleted is not listed again. */
static int delete_below(struct s3 *p, const char *prefix, struct fault *f)
{
    own(str_fini) char *first = NULL;
    for (;;) {
        own(strs_fini) struct strs keys = {0};
        if (s3_keys(p, prefix, PAGE, &keys, f) < 0)
            return f->reason == REASON_NOTFOUND ? 0 : -1;
        if (keys.n == 0)
            return 0;
        if (str_same(first, keys.list[0]))
            return fault_set(f, REASON_UNREACHABLE, true,
                             "cannot remove %s: what was removed is still listed", p->shown);
        str_fini(&first);
        first = str_new(keys.list[0]);
        for (size_t i = 0; i < keys.n; i++) {
            if (!str_begins(keys.list[i], prefix))
                return fault_set(f, REASON_CORRUPT, false, "%s: a key was listed that is not in it",
                                 p->shown);
            if (stager_signal)
                return fault_set(f, REASON_STOPPED, true, "stopped by signal %d",
                                 (int)stager_signal);
            if (delete (p, keys.list[i], f) < 0)
                return -1;
        }
    }
}

int s3_remove(struct transfer *t, const char *url, struct fault *f)
{
    own(s3_fini) struct s3 p = {0};
    if (s3_init(&p, url, f) < 0)
        return -1;
    if (t->item->type == KIND_FILE || (!t->item->type && !s3_is_folder(&p)))
        return delete (&p, p.key, f);
    own(str_fini) char *prefix = s3_prefix(&p);
    if (delete_below(&p, prefix, f) < 0)
        return -1;
    return *p.key ? 0 : delete (&p, NULL, f);
}
