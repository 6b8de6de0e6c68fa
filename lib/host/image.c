#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
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

/* A document in an archive, under one of the names it may be packed by. */
static int read_member(const char *archive, const char *member, json_t **doc, struct err *err)
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
        if (rc == 0 && run.out.len)
            return doc_bytes(archive, run.out.bytes, run.out.len, doc, err);
        if (i + 1 == COUNT(before))
            return err_set(err, CODE_DATA, "%s is no OCI image archive: %s", archive,
                           spawn_last_error(&run));
    }
}

static int read_index(const struct image *image, json_t **index, struct err *err)
{
    if (image->archive)
        return read_member(image->path, "index.json", index, err);
    own(str_fini) char *path = str_print("%s/index.json", image->path);
    if (doc_file(path, index, err) < 0)
        return err_wrap(err, "%s is no OCI image layout", image->path);
    return 0;
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
                 : doc_bytes(digest, bytes, (size_t)n, blob, err);
}

static int read_blob(const struct image *image, const char *digest, json_t **blob, struct err *err)
{
    if (!image->archive)
        return image_blob(image->path, digest, blob, err);
    if (!image_digest_valid(digest))
        return err_set(err, CODE_DATA, "a part of the image has no sha256 digest");
    own(str_fini) char *member = str_print("blobs/sha256/%s", digest + 7);
    return read_member(image->path, member, blob, err);
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

/* --- the images here --- */

/* "DIR/images/lock", made when it is not there: whose it is may unpack, and collect. */
static int open_guard(const char *dir, struct err *err)
{
    own(str_fini) char *guard = str_print("%s/images/lock", dir);
    if (path_mkparents(guard, 0700, err) < 0)
        return -1;
    int fd = open(guard, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : err_sys(err, "cannot open %s", guard);
}

/* Of a tree that others made: it may be deeper than we may have open files. */
static void remove_deep(const char *path)
{
    struct rlimit files;
    struct err ignored;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        const struct rlimit most = {files.rlim_max, files.rlim_max};
        setrlimit(RLIMIT_NOFILE, &most);
        path_remove(path, &ignored);
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* --- fetched ones, while they are not unpacked --- */

#define PULLS "images/pulls" /* in it ID/ and ID.lock */
#define PULL_FILES 10000     /* blobs, no more than an image can have layers */

/* An image of a registry, fetched. */
struct pulled {
    char *dir, *lock; /* or NULL: nothing was */
    int fd;           /* it is ours while this is open */
    struct image image;
};

static void pulled_fini(struct pulled *p)
{
    if (p->fd >= 0) {
        remove_deep(p->dir);
        unlink(p->lock);
    }
    fd_fini(&p->fd);
    free(p->dir);
    free(p->lock);
    image_fini(&p->image);
}

static bool is_stopped(const struct image_place *place)
{
    return place->who.stop && place->who.stop(place->who.context);
}

/* 1 it is ours, 0 somebody else has it, or removed it just now; -1 */
static int lock_pull(struct pulled *p, struct err *err)
{
    struct stat there, open_one;
    own(fd_fini) int fd = open(p->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, "cannot open %s", p->lock);
    if (lock_try(fd) != 1 || stat(p->lock, &there) < 0 || fstat(fd, &open_one) < 0 ||
        there.st_ino != open_one.st_ino)
        return 0;
    p->fd = fd;
    fd = -1;
    return 1;
}

/* What is there of somebody who died. */
static void sweep_pulls(const char *dir)
{
    own(str_fini) char *path = str_print("%s/" PULLS, dir);
    DIR *pulls = opendir(path);
    struct err ignored;
    for (struct dirent *e; pulls && (e = readdir(pulls));) {
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || !str_same(dot, ".lock"))
            continue;
        own(pulled_fini) struct pulled p = {
            .fd = -1,
            .dir = str_print("%s/%.*s", path, (int)(dot - e->d_name), e->d_name),
            .lock = str_print("%s/%s", path, e->d_name)};
        lock_pull(&p, &ignored);
    }
    if (pulls)
        closedir(pulls);
}

static int pull_into(struct pulled *p, const struct image *image, const struct image_place *place,
                     struct err *err)
{
    struct budget budget = {.dir = p->dir,
                            .bytes = place->bytes,
                            .files = PULL_FILES,
                            .stop = place->who.stop,
                            .context = place->who.context};
    struct image_asker who = place->who;
    own(str_fini) char *layout = str_print("%s/layout", p->dir);
    own(str_fini) char *tmp = str_print("%s/tmp", p->dir);
    who.stop = budget_stop;
    who.context = &budget;
    remove_deep(p->dir);
    if (path_mkdirs(tmp, 0700, err) < 0)
        return -1;
    const int rc = registry_pull(image, &who, layout, tmp, err);
    if (budget.spent) {
        *err = budget.why;
        return err_wrap(err, "cannot fetch the image %s", image->place);
    }
    p->image = (struct image){.path = str_new(layout), .tag = str_new(IMAGE_TAG)};
    return rc < 0 ? -1 : image_find(&p->image, &place->who, err);
}

/* Fetches it, unless it is there unpacked as soon as it is our turn. */
static int pull(struct pulled *p, const struct image *image, const struct image_place *place,
                const char *config_file, struct err *err)
{
    own(str_fini) char *what = str_print("fetching %s@%s", image->place, image->digest);
    const char *hex = image->digest + 7;
    int rc;
    sweep_pulls(place->dir);
    p->dir = str_print("%s/" PULLS "/%s", place->dir, hex);
    p->lock = str_print("%s.lock", p->dir);
    if (path_mkparents(p->lock, 0700, err) < 0)
        return -1;
    while ((rc = lock_pull(p, err)) == 0) {
        if (path_exists(config_file))
            return 0;
        if (is_stopped(place))
            return err_set(err, CODE_TEMP, "waiting for the image was stopped");
        usleep(100000);
    }
    if (rc < 0 || path_exists(config_file))
        return rc < 0 ? -1 : 0;
    if (place->told)
        place->told(place->who.context, what);
    return pull_into(p, image, place, err);
}

/* --- and unpacked --- */

/* Unpacks into a directory of our own, then renames: an image is there whole or not at all. */
static int unpack_new(const struct image *image, const struct image_place *place, bool ours,
                      const char *final, struct err *err)
{
    char name[UUID_TEXT];
    own(str_fini) char *tmp = str_print("%s/images/tmp", place->dir);
    own(str_fini) char *work = str_print("%s/%s", tmp, clock_uuid(name));
    remove_deep(tmp); /* it is our turn: what is there is of somebody who died */
    if (path_mkdirs(work, 0700, err) < 0)
        return -1;
    int rc = unpack_into(image, place, work, ours, err);
    if (rc == 0 && rename(work, final) < 0 && errno != EEXIST && errno != ENOTEMPTY)
        rc = err_sys(err, "cannot rename %s", work);
    remove_deep(tmp); /* again: a child of who died may have written on for a moment */
    return rc < 0 ? -1 : path_sync_parent(final, err);
}

/* One unpacks, the others wait for it. A new descriptor. */
static int take_guard(const struct image_place *place, struct err *err)
{
    own(fd_fini) int turn = open_guard(place->dir, err);
    int rc = turn < 0 ? -1 : 0;
    while (rc == 0 && (rc = lock_try(turn)) == 0) {
        if (is_stopped(place))
            return err_set(err, CODE_TEMP, "waiting for the image was stopped");
        usleep(100000);
    }
    if (rc < 0)
        return turn < 0 ? -1 : err_sys(err, "cannot lock the images in %s", place->dir);
    int taken = turn;
    turn = -1;
    return taken;
}

int image_unpack(const struct image *image, const struct image_place *place, char **rootfs,
                 json_t **config, int *hold, struct err *err)
{
    own(str_fini) char *final = str_print("%s/images/sha256-%s", place->dir, image->digest + 7);
    own(str_fini) char *config_file = str_print("%s/config.json", final);
    own(str_fini) char *files = str_print("%s/rootfs", final);
    own(pulled_fini) struct pulled pulled = {.fd = -1};
    if (!image->path && !path_exists(config_file) &&
        pull(&pulled, image, place, config_file, err) < 0)
        return -1;
    own(fd_fini) int turn = take_guard(place, err);
    if (turn < 0)
        return -1;
    const struct image *here = image->path ? image : &pulled.image;
    if (!path_exists(config_file)) {
        if (!here->path) /* collected since we looked */
            return err_set(err, CODE_TEMP, "the image went away just now");
        if (unpack_new(here, place, !image->path, final, err) < 0)
            return err_wrap(err, "cannot unpack the image %s",
                            image->path ? image->path : image->place);
    }
    own(fd_fini) int held = image_hold_new(files);
    if (held < 0 || futimens(held, NULL) < 0) /* when it was last asked for */
        return err_sys(err, "cannot lock %s", final);
    if (doc_file(config_file, config, err) < 0)
        return -1;
    *rootfs = move(files);
    *hold = held;
    held = -1;
    return 0;
}

/* One image: renamed first, so that it is there whole or not at all. */
static void collect(const char *dir, const char *name, int64_t since)
{
    struct stat st;
    struct err ignored;
    own(str_fini) char *image = str_print("%s/images/%s", dir, name);
    own(str_fini) char *lock = str_print("%s/lock", image);
    own(str_fini) char *tmp = str_print("%s/images/tmp", dir);
    own(str_fini) char *away = str_print("%s/%s", tmp, name);
    own(fd_fini) int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_mtim.tv_sec >= since || lock_try(fd) != 1)
        return;
    if (path_mkdirs(tmp, 0700, &ignored) == 0 && rename(image, away) == 0)
        remove_deep(tmp);
}

void image_collect(const char *dir, int64_t since)
{
    struct err ignored;
    own(str_fini) char *path = str_print("%s/images", dir);
    sweep_pulls(dir);
    own(fd_fini) int turn = path_exists(path) ? open_guard(dir, &ignored) : -1;
    if (turn < 0 || lock_try(turn) != 1) /* somebody unpacks: another day */
        return;
    DIR *images = opendir(path);
    for (struct dirent *e; images && (e = readdir(images));)
        if (str_begins(e->d_name, "sha256-"))
            collect(dir, e->d_name, since);
    if (images)
        closedir(images);
}
