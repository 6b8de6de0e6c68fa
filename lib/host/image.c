#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "host/budget.h"
#include "host/clock.h"
#include "host/image.h"
#include "host/lock.h"
#include "host/path.h"
#include "host/registry.h"
#include "host/spawn.h"
#include "host/unpack.h"
#include "text/doc.h"
#include "text/sum.h"

#define REF_NAME "org.opencontainers.image.ref.name"
#define HOST_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789._/-"
#define TAG_CHARS HOST_CHARS "_"

void image_fini(struct image *image)
{
    free(image->name);
    free(image->path);
    free(image->host);
    free(image->place);
    free(image->tag);
    free(image->os);
    free(image->arch);
    json_decref(image->descriptor);
    *image = (struct image){0};
}

/* --- which one is meant --- */

bool image_digest_valid(const char *text)
{
    return text && strlen(text) == IMAGE_DIGEST_TEXT - 1 && str_begins(text, "sha256:") &&
           !text[7 + strspn(text + 7, "0123456789abcdef")];
}

/* "oci:/dir:tag": the tag is what follows the last colon behind the last slash. */
static void parse_local(const char *name, struct image *image)
{
    const char *path = strchr(name, ':') + 1;
    const char *slash = strrchr(path, '/');
    const char *colon = strrchr(slash ? slash : path, ':');
    image->archive = str_begins(name, "oci-archive:");
    image->path = colon ? str_print("%.*s", (int)(colon - path), path) : str_new(path);
    image->tag = colon && colon[1] ? str_new(colon + 1) : NULL;
}

static bool is_of(const char *text, size_t len, const char *chars)
{
    return len > 0 && strspn(text, chars) >= len;
}

/* HOST or HOST:PORT, with the length of it; not what begins like an option. */
static bool is_host(const char *text, size_t len)
{
    const char *colon = memchr(text, ':', len);
    const size_t name = colon ? (size_t)(colon - text) : len;
    return *text != '-' && is_of(text, name, HOST_CHARS) &&
           (!colon || is_of(colon + 1, len - name - 1, "0123456789"));
}

/* What stands before the first slash is a registry when it looks like a host; else the image is of
 * the one in `repo`, if that is given (Planner 2.1.2). */
static bool names_host(const char *text)
{
    const size_t n = strcspn(text, "/");
    return text[n] == '/' && is_host(text, n) &&
           (memchr(text, '.', n) || memchr(text, ':', n) ||
            (n == strlen("localhost") && str_begins(text, "localhost")));
}

static int take_digest(struct image *image, const char *digest, struct err *err)
{
    if (!digest)
        return 0;
    if (!image_digest_valid(digest))
        return err_set(err, CODE_DATA, "%s is no digest, expected sha256: and 64 digits", digest);
    if (image->named[0] && !str_same(image->named, digest))
        return err_set(err, CODE_DATA, "the image is named by two digests, %s and %s", image->named,
                       digest);
    snprintf(image->named, sizeof(image->named), "%s", digest);
    return 0;
}

/* HOST[:PORT]/NAME[:TAG][@DIGEST] */
static int parse_place(const char *whole, const char *version, struct image *image, struct err *err)
{
    const char *slash = strchr(whole, '/'), *at = slash ? strchr(slash, '@') : NULL;
    const size_t end = at ? (size_t)(at - whole) : strlen(whole);
    const char *colon = slash ? memchr(slash, ':', end - (size_t)(slash - whole)) : NULL;
    const size_t name = colon ? (size_t)(colon - whole) : end;
    own(str_fini) char *tag = colon ? str_print("%.*s", (int)(end - name - 1), colon + 1) : NULL;
    if (!slash || !is_host(whole, (size_t)(slash - whole)) ||
        !is_of(slash + 1, name - (size_t)(slash - whole) - 1, NAME_CHARS))
        return err_set(err, CODE_DATA,
                       "%s is no name of an image, expected HOST[:PORT]/NAME[:TAG] or "
                       "HOST[:PORT]/NAME@sha256:DIGEST, in small letters",
                       whole);
    if (tag && version && !str_same(tag, version))
        return err_set(err, CODE_DATA, "the image is named by two tags, %s and %s", tag, version);
    const char *meant = tag ? tag : version;
    if (meant && !is_of(meant, strlen(meant), TAG_CHARS))
        return err_set(
            err, CODE_DATA,
            "\"%s\" is no tag of an image, expected letters, digits, dots, underscores and hyphens",
            meant);
    image->host = str_print("%.*s", (int)(slash - whole), whole);
    image->place = str_print("%.*s", (int)name, whole);
    image->tag = meant ? str_new(meant) : NULL;
    return at ? take_digest(image, at + 1, err) : 0;
}

int image_parse(const json_t *spec, struct image *image, struct err *err)
{
    const char *name = json_text(spec, "image"), *repo = json_text(spec, "repo");
    own(image_fini) struct image parsed = {0};
    parsed.name = str_new(name);
    if (take_digest(&parsed, json_text(spec, "digest"), err) < 0)
        return -1;
    if (str_begins(name, "oci:") || str_begins(name, "oci-archive:")) {
        parse_local(name, &parsed);
    } else {
        if (str_begins(name, "docker://"))
            name += strlen("docker://");
        const size_t n = repo ? strlen(repo) : 0;
        own(str_fini) char *whole =
            names_host(name) ? str_new(name)
            : repo ? str_print("%.*s/%s", (int)(n && repo[n - 1] == '/' ? n - 1 : n), repo, name)
                   : NULL;
        if (whole && parse_place(whole, json_text(spec, "version"), &parsed, err) < 0)
            return -1;
    }
    *image = parsed;
    parsed = (struct image){0};
    return 0;
}

/* --- what a local one holds --- */

/* A file in an archive, under one of the names it may be packed by. */
static int read_member(const char *archive, const char *member, struct buf *bytes, struct err *err)
{
    own(str_fini) char *tar = spawn_find_tool("tar");
    if (!path_exists(archive))
        return err_sys(err, "cannot open %s", archive);
    if (!tar)
        return err_set(err, CODE_UNAVAIL, "tar is not installed");
    static const char *const before[] = {"", "./"};
    for (size_t i = 0;; i++) {
        own(str_fini) char *name = str_print("%s%s", before[i], member);
        char *argv[] = {tar, "-xOf", (char *)archive, "--occurrence=1", name, NULL};
        own(spawn_fini) struct spawn run = {
            .argv = argv, .deadline_ms = 60000, .output_max = DOC_BYTES_MAX};
        int rc = spawn_run(&run, err);
        if (rc < 0)
            return -1;
        if (rc == 0 && run.out.len) {
            *bytes = run.out;
            run.out = (struct buf){0};
            return 0;
        }
        if (i + 1 == COUNT(before))
            return err_set(err, CODE_DATA, "%s is no OCI image archive: %s", archive,
                           spawn_last_error(&run));
    }
}

static int read_index(const struct image *image, json_t **index, struct err *err)
{
    own(buf_fini) struct buf bytes = {0};
    if (image->archive)
        return read_member(image->path, "index.json", &bytes, err) < 0
                   ? -1
                   : doc_bytes(image->path, bytes.bytes, bytes.len, index, err);
    own(str_fini) char *path = str_print("%s/index.json", image->path);
    if (doc_file(path, index, err) < 0)
        return err_wrap(err, "%s is no OCI image layout", image->path);
    return 0;
}

/* A part is what its digest says, whoever wrote it there; or nothing. */
static int parse_blob(const char *digest, const void *bytes, size_t n, json_t **blob,
                      struct err *err)
{
    char sum[SUM_SHA256_TEXT];
    sum_sha256(bytes, n, sum);
    return str_same(sum, digest + 7)
               ? doc_bytes(digest, bytes, n, blob, err)
               : err_set(err, CODE_DATA, "the image's part %s is another there, sha256:%s", digest,
                         sum);
}

int image_blob(const char *layout, const char *digest, json_t **blob, struct err *err)
{
    if (!image_digest_valid(digest))
        return err_set(err, CODE_DATA, "a part of the image has no sha256 digest");
    own(str_fini) char *path = str_print("%s/blobs/sha256/%s", layout, digest + 7);
    own(fd_fini) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(err, CODE_DATA, "the image's part %s is not there", digest);
    if (!S_ISREG(st.st_mode) || st.st_size > DOC_BYTES_MAX)
        return err_set(err, CODE_DATA, "the image's part %s is no document", digest);
    own(str_fini) char *bytes = mem_new((size_t)st.st_size + 1);
    ssize_t n = pread(fd, bytes, (size_t)st.st_size, 0);
    return n < 0 ? err_sys(err, "cannot read %s", path)
                 : parse_blob(digest, bytes, (size_t)n, blob, err);
}

static int read_blob(const struct image *image, const char *digest, json_t **blob, struct err *err)
{
    if (!image->archive)
        return image_blob(image->path, digest, blob, err);
    if (!image_digest_valid(digest))
        return err_set(err, CODE_DATA, "a part of the image has no sha256 digest");
    own(str_fini) char *member = str_print("blobs/sha256/%s", digest + 7);
    own(buf_fini) struct buf bytes = {0};
    return read_member(image->path, member, &bytes, err) < 0
               ? -1
               : parse_blob(digest, bytes.bytes, bytes.len, blob, err);
}

static bool is_index(const json_t *descriptor)
{
    const char *type = json_text(descriptor, "mediaType");
    return type && (strstr(type, "image.index") || strstr(type, "manifest.list"));
}

static bool is_for(const json_t *descriptor, const char *key, const char *wanted)
{
    const char *there = json_text(json_object_get(descriptor, "platform"), key);
    return !wanted || !there || str_same(wanted, there);
}

/* The row with this digest. */
static const json_t *row_of(const json_t *index, const char *digest)
{
    size_t i;
    json_t *m;
    json_array_foreach (json_object_get(index, "manifests"), i, m)
        if (str_same(digest, json_text(m, "digest")))
            return m;
    return NULL;
}

const json_t *image_choose(const json_t *index, const struct image_asker *who)
{
    size_t i;
    json_t *m;
    json_array_foreach (json_object_get(index, "manifests"), i, m)
        if (image_digest_valid(json_text(m, "digest")) && is_for(m, "os", who->os) &&
            is_for(m, "architecture", who->arch))
            return m;
    return NULL;
}

void image_take(struct image *image, const json_t *descriptor)
{
    const json_t *platform = json_object_get(descriptor, "platform");
    snprintf(image->digest, sizeof(image->digest), "%s", json_text(descriptor, "digest"));
    image->os = str_new(json_text(platform, "os"));
    image->arch = str_new(json_text(platform, "architecture"));
    image->descriptor = json_incref((json_t *)descriptor);
}

/* Is it the one with the tag, or the digest, that was asked for? Also in an index of that digest.
 */
static bool is_meant(const struct image *image, const json_t *m, const json_t *inner)
{
    const char *tag = json_text(json_object_get(m, "annotations"), REF_NAME);
    return (!image->tag || str_same(image->tag, tag)) &&
           (!image->named[0] || str_same(image->named, json_text(m, "digest")) ||
            (inner && str_same(image->named, json_text(inner, "digest"))));
}

/* One row of the layout's index: 1 when it is meant, and taken when it is the first; 0; -1. */
static int look_at(struct image *image, const json_t *m, const struct image_asker *who, bool first,
                   struct err *err)
{
    own(json_fini) json_t *index = NULL;
    const json_t *inner = NULL;
    if (is_index(m)) {
        if (read_blob(image, json_text(m, "digest"), &index, err) < 0)
            return -1;
        inner = row_of(index, image->named);
        inner = inner ? inner : image_choose(index, who);
        if (!inner && is_meant(image, m, NULL))
            return err_set(err, CODE_NOINPUT, "%s has nothing for %s %s", image->path,
                           who->os ? who->os : "any", who->arch ? who->arch : "machine");
    }
    if (!is_meant(image, m, inner))
        return 0;
    if (!image_digest_valid(json_text(inner ? inner : m, "digest")))
        return err_set(err, CODE_DATA, "%s: the manifest has no sha256 digest", image->path);
    if (first)
        image_take(image, inner ? inner : m);
    return 1;
}

static int find_local(struct image *image, const struct image_asker *who, struct err *err)
{
    own(json_fini) json_t *index = NULL;
    size_t i, matches = 0;
    json_t *m;
    if (read_index(image, &index, err) < 0)
        return -1;
    json_array_foreach (json_object_get(index, "manifests"), i, m) {
        const int rc = look_at(image, m, who, matches == 0, err);
        if (rc < 0)
            return -1;
        matches += (size_t)rc;
    }
    if (matches == 0)
        return err_set(err, CODE_NOINPUT, "%s holds no image%s%s%s%s", image->path,
                       image->tag ? " with tag " : "", image->tag ? image->tag : "",
                       image->named[0] ? " with digest " : "", image->named);
    if (matches > 1 && !image->named[0])
        return err_set(err, CODE_NOINPUT, "%s holds %zu images; name a tag, oci:DIR:TAG",
                       image->path, matches);
    return 0;
}

int image_find(struct image *image, const struct image_asker *who, struct err *err)
{
    if (image->path)
        return find_local(image, who, err);
    if (!image->place && path_exists(image->name))
        return err_set(err, CODE_NOINPUT, "%s is a place on this machine, did you mean oci:%s?",
                       image->name, image->name);
    if (!image->place)
        return err_set(err, CODE_NOINPUT,
                       "%s names no registry, expected HOST[:PORT]/%s, like docker.io/..., or the "
                       "registry in repo, or an image of this machine (oci:DIR[:TAG] or "
                       "oci-archive:FILE[:TAG])",
                       image->name, image->name);
    return registry_find(image, who, err);
}

int image_recall(struct image *image, const char *digest, const struct image_asker *who,
                 struct err *err)
{
    if (!digest && !image->named[0])
        return image_find(image, who, err);
    snprintf(image->path ? image->named : image->digest, IMAGE_DIGEST_TEXT, "%s",
             digest ? digest : image->named);
    return image->path ? image_find(image, who, err) : 0;
}

static int read_config(const struct image *image, const struct image_asker *who, json_t **config,
                       struct err *err)
{
    own(json_fini) json_t *manifest = NULL;
    if (!image->path)
        return registry_config(image, who, config, err);
    if (read_blob(image, image->digest, &manifest, err) < 0)
        return -1;
    return read_blob(image, json_text(json_object_get(manifest, "config"), "digest"), config, err);
}

int image_layers(const struct image *image, const struct image_asker *who, json_t **diffs,
                 struct err *err)
{
    own(json_fini) json_t *config = NULL;
    if (read_config(image, who, &config, err) < 0)
        return -1;
    json_t *list = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
    if (!json_is_array(list))
        return err_set(err, CODE_DATA, "the image does not say what layers it has");
    *diffs = json_incref(list);
    return 0;
}

/* --- the images here: who is at work on one --- */

#define WORK "images/tmp" /* in it ID/ and ID.lock */
#define PULL_FILES 10000  /* blobs, no more than an image can have layers */

/* An image that is ours to fetch, unpack and collect. */
struct turn {
    char *dir, *lock;
    int fd;              /* it is ours while this is open */
    struct image pulled; /* of a registry, once it was fetched */
};

static void turn_fini(struct turn *t)
{
    struct err ignored;
    if (t->fd >= 0) {
        path_remove(t->dir, &ignored);
        unlink(t->lock);
    }
    fd_fini(&t->fd);
    free(t->dir);
    free(t->lock);
    image_fini(&t->pulled);
}

static struct turn turn_of(const char *dir, const char *hex, int len)
{
    return (struct turn){.fd = -1,
                         .dir = str_print("%s/" WORK "/%.*s", dir, len, hex),
                         .lock = str_print("%s/" WORK "/%.*s.lock", dir, len, hex)};
}

/* 1 it is ours, 0 somebody else has it, or removed it just now; -1 */
static int turn_take(struct turn *t, struct err *err)
{
    struct stat there, open_one;
    own(fd_fini) int fd = open(t->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, "cannot open %s", t->lock);
    if (lock_try(fd) != 1 || stat(t->lock, &there) < 0 || fstat(fd, &open_one) < 0 ||
        there.st_ino != open_one.st_ino)
        return 0;
    t->fd = fd;
    fd = -1;
    return 1;
}

/* What is there of somebody who died. */
static void sweep_work(const char *dir)
{
    own(str_fini) char *path = str_print("%s/" WORK, dir);
    DIR *work = opendir(path);
    struct err ignored;
    for (struct dirent *e; work && (e = readdir(work));) {
        own(turn_fini) struct turn t = turn_of(dir, e->d_name, (int)strcspn(e->d_name, "."));
        if (e->d_name[0] != '.')
            turn_take(&t, &ignored);
    }
    if (work)
        closedir(work);
}

static bool is_stopped(const struct image_place *place)
{
    return place->who.stop && place->who.stop(place->who.context);
}

/* --- fetched --- */

static int pull(struct turn *t, const struct image *image, const struct image_place *place,
                struct err *err)
{
    struct budget budget = {.dir = t->dir,
                            .bytes = place->bytes,
                            .files = PULL_FILES,
                            .stop = place->who.stop,
                            .context = place->who.context};
    struct image_asker who = place->who;
    own(str_fini) char *what = str_print("fetching %s@%s", image->place, image->digest);
    own(str_fini) char *layout = str_print("%s/layout", t->dir);
    own(str_fini) char *tmp = str_print("%s/tmp", t->dir);
    who.stop = budget_stop;
    who.context = &budget;
    if (place->told)
        place->told(place->who.context, what);
    if (path_mkdirs(tmp, 0700, err) < 0)
        return -1;
    const int rc = registry_pull(image, &who, layout, tmp, err);
    if (budget.spent) {
        *err = budget.why;
        return err_wrap(err, "cannot fetch the image %s", image->place);
    }
    t->pulled = (struct image){.path = str_new(layout), .tag = str_new(IMAGE_TAG)};
    return rc < 0 ? -1 : image_find(&t->pulled, &place->who, err);
}

/* --- and unpacked --- */

/* Unpacks into a directory of our own, then renames: an image is there whole or not at all. */
static int unpack_new(struct turn *t, const struct image *image, const struct image_place *place,
                      const char *final, struct err *err)
{
    char name[UUID_TEXT];
    own(str_fini) char *work = str_print("%s/%s", t->dir, clock_uuid(name));
    struct err ignored;
    sweep_work(place->dir);
    path_remove(t->dir, &ignored); /* it is our turn: what is there is of somebody who died */
    if (!image->path && pull(t, image, place, err) < 0)
        return -1;
    const struct image *here = image->path ? image : &t->pulled;
    if (path_mkdirs(work, 0700, err) < 0 || unpack_into(here, place, work, !image->path, err) < 0)
        return err_wrap(err, "cannot unpack the image %s",
                        image->path ? image->path : image->place);
    if (rename(work, final) < 0)
        return err_sys(err, "cannot rename %s", work);
    return path_sync_parent(final, err);
}

/* A lock that keeps an unpacked image where it is; -1 when it is not there, or about to go. */
static int hold_there(const char *final)
{
    own(str_fini) char *files = str_print("%s/rootfs", final);
    own(str_fini) char *lock = str_print("%s/lock", final);
    own(fd_fini) int fd = path_exists(files) ? image_hold_new(files) : -1;
    struct stat there, open_one;
    if (fd < 0 || stat(lock, &there) < 0 || fstat(fd, &open_one) < 0 ||
        there.st_ino != open_one.st_ino || futimens(fd, NULL) < 0) /* when it was last asked for */
        return -1;
    const int held = fd;
    fd = -1;
    return held;
}

/* One unpacks an image, the others of the same wait for it. The hold of it. */
static int hold_unpacked(struct turn *t, const struct image *image, const struct image_place *place,
                         const char *final, struct err *err)
{
    int held, rc = 0;
    if (path_mkparents(t->lock, 0700, err) < 0)
        return -1;
    while ((held = hold_there(final)) < 0 && (rc = turn_take(t, err)) == 0) {
        if (is_stopped(place))
            return err_set(err, CODE_TEMP, "waiting for the image was stopped");
        usleep(100000);
    }
    if (held >= 0 || rc < 0)
        return held;
    if (!path_exists(final) && unpack_new(t, image, place, final, err) < 0)
        return -1;
    held = hold_there(final);
    return held >= 0 ? held : err_sys(err, "cannot lock %s", final);
}

int image_unpack(const struct image *image, const struct image_place *place, char **rootfs,
                 json_t **config, int *hold, struct err *err)
{
    const char *hex = image->digest + 7;
    own(str_fini) char *final = str_print("%s/images/sha256-%s", place->dir, hex);
    own(str_fini) char *config_file = str_print("%s/config.json", final);
    own(turn_fini) struct turn turn = turn_of(place->dir, hex, (int)strlen(hex));
    own(fd_fini) int held = hold_unpacked(&turn, image, place, final, err);
    if (held < 0 || doc_file(config_file, config, err) < 0)
        return -1;
    *rootfs = str_print("%s/rootfs", final);
    *hold = held;
    held = -1;
    return 0;
}

/* One image: renamed first, so that it is there whole or not at all. */
static void collect(const char *dir, const char *name, int64_t since)
{
    struct stat st;
    struct err ignored;
    const char *hex = name + strlen("sha256-");
    own(str_fini) char *image = str_print("%s/images/%s", dir, name);
    own(str_fini) char *lock = str_print("%s/lock", image);
    own(turn_fini) struct turn turn = turn_of(dir, hex, (int)strlen(hex));
    if (path_mkparents(turn.lock, 0700, &ignored) < 0 || turn_take(&turn, &ignored) != 1)
        return;
    own(fd_fini) int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_mtim.tv_sec >= since || lock_try(fd) != 1)
        return;
    path_remove(turn.dir, &ignored);
    rename(image, turn.dir); /* and gone with our turn */
}

static bool is_needed(const struct strs *digests, const char *name)
{
    for (size_t i = 0; i < digests->n; i++)
        if (str_same(digests->list[i] + strlen("sha256:"), name + strlen("sha256-")))
            return true;
    return false;
}

void image_collect(const char *dir, int64_t since, const struct strs *needed)
{
    own(str_fini) char *path = str_print("%s/images", dir);
    sweep_work(dir);
    DIR *images = opendir(path);
    for (struct dirent *e; images && (e = readdir(images));)
        if (str_begins(e->d_name, "sha256-") && !is_needed(needed, e->d_name))
            collect(dir, e->d_name, since);
    if (images)
        closedir(images);
}
