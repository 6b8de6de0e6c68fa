#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "host/clock.h"
#include "host/image.h"
#include "host/lock.h"
#include "host/path.h"
#include "host/sandbox.h"
#include "host/spawn.h"
#include "text/doc.h"
#include "text/write.h"

#define UNPACK_S 900 /* how long unpacking may take */
#define REF_NAME "org.opencontainers.image.ref.name"

/* One unpacking under way. */
struct unpacking {
    const struct image *image;
    const struct image_place *place;
    const char *work; /* a directory of ours in it */
    bool copied;      /* the image's blobs or archive lie in work, too */
};

void image_fini(struct image *image)
{
    free(image->path);
    free(image->tag);
    free(image->os);
    free(image->arch);
    *image = (struct image){0};
}

/* "oci:/dir:tag": the tag is what follows the last colon behind the last slash. */
static int parse_name(const char *name, struct image *image, struct err *err)
{
    bool archive = str_begins(name, "oci-archive:"), local = archive || str_begins(name, "oci:");
    if (!local && path_exists(name))
        return err_set(err, CODE_UNAVAIL, "%s is a place on this machine, did you mean %s%s?", name,
                       "oci:", name);
    if (str_begins(name, "docker://"))
        name += 9;
    if (!local)
        return err_set(err, CODE_UNAVAIL,
                       "%s is an image of a registry, expected a local one (oci:DIR[:TAG] or "
                       "oci-archive:FILE[:TAG]); fetch it with: skopeo copy docker://%s oci:DIR",
                       name, name);
    const char *path = strchr(name, ':') + 1;
    const char *slash = strrchr(path, '/');
    const char *colon = strrchr(slash ? slash : path, ':');
    image->archive = archive;
    image->path = colon ? str_print("%.*s", (int)(colon - path), path) : str_new(path);
    image->tag = colon && colon[1] ? str_new(colon + 1) : NULL;
    return 0;
}

static int read_index(const struct image *image, json_t **index, struct err *err)
{
    if (!image->archive) {
        own(str_fini) char *path = str_print("%s/index.json", image->path);
        if (doc_file(path, index, err) < 0)
            return err_wrap(err, "%s is no OCI image layout", image->path);
        return 0;
    }
    own(str_fini) char *tar = spawn_find_tool("tar");
    if (!path_exists(image->path))
        return err_sys(err, "cannot open %s", image->path);
    if (!tar)
        return err_set(err, CODE_UNAVAIL, "tar is not installed");
    static const char *const names[] = {"index.json", "./index.json"}; /* as it was packed */
    for (size_t i = 0;; i++) {
        char *argv[] = {tar, "-xOf", image->path, "--occurrence=1", (char *)names[i], NULL};
        own(spawn_fini) struct spawn run = {
            .argv = argv, .deadline_ms = 60000, .output_max = DOC_BYTES_MAX};
        int rc = spawn_run(&run, err);
        if (rc < 0)
            return -1;
        if (rc == 0 && run.out.len)
            return doc_bytes(image->path, run.out.bytes, run.out.len, index, err);
        if (i + 1 == COUNT(names))
            return err_set(err, CODE_DATA, "%s is no OCI image archive: %s", image->path,
                           spawn_last_error(&run));
    }
}

static bool is_meant(const struct image *image, const char *digest, const json_t *manifest)
{
    const char *tag = json_text(json_object_get(manifest, "annotations"), REF_NAME);
    return (!digest || str_same(digest, json_text(manifest, "digest"))) &&
           (!image->tag || str_same(image->tag, tag));
}

static bool is_digest(const char *text)
{
    return text && strlen(text) == 71 && str_begins(text, "sha256:") &&
           !text[7 + strspn(text + 7, "0123456789abcdef")];
}

int image_find(const char *name, const char *digest, struct image *image, struct err *err)
{
    own(image_fini) struct image found = {0};
    own(json_fini) json_t *index = NULL;
    if (parse_name(name, &found, err) < 0 || read_index(&found, &index, err) < 0)
        return -1;
    size_t i, matches = 0;
    json_t *m, *meant = NULL;
    json_array_foreach (json_object_get(index, "manifests"), i, m)
        if (is_meant(&found, digest, m)) {
            meant = m;
            matches++;
        }
    if (matches == 0)
        return err_set(err, CODE_NOINPUT, "%s holds no image%s%s%s%s", found.path,
                       found.tag ? " with tag " : "", found.tag ? found.tag : "",
                       digest ? " with digest " : "", digest ? digest : "");
    if (matches > 1 && !digest)
        return err_set(err, CODE_NOINPUT, "%s holds %zu images; name a tag, oci:DIR:TAG",
                       found.path, matches);
    const char *hex = json_text(meant, "digest");
    if (!is_digest(hex))
        return err_set(err, CODE_DATA, "%s: the manifest has no sha256 digest", found.path);
    snprintf(found.digest, sizeof(found.digest), "%s", hex);
    const json_t *platform = json_object_get(meant, "platform");
    found.os = str_new(json_text(platform, "os"));
    found.arch = str_new(json_text(platform, "architecture"));
    *image = found;
    found = (struct image){0};
    return 0;
}

/* Layout with one manifest under a tag of ours, so that exactly this digest is unpacked. The blobs
 * are the image's own, mounted; umoci checks them against their digests. */
static int write_layout(const struct image *image, const char *work, struct err *err)
{
    own(json_fini) json_t *index = NULL;
    own(str_fini) char *blobs = str_print("%s/layout/blobs", work);
    own(str_fini) char *layout_file = str_print("%s/layout/oci-layout", work);
    own(str_fini) char *index_file = str_print("%s/layout/index.json", work);
    if (path_mkdirs(blobs, 0755, err) < 0 || read_index(image, &index, err) < 0)
        return -1;
    json_t *list = json_object_get(index, "manifests");
    own(json_fini) json_t *only = json_array();
    size_t i;
    json_t *m;
    json_array_foreach (list, i, m) {
        if (!str_same(json_text(m, "digest"), image->digest) || json_array_size(only))
            continue;
        json_object_set_new(m, "annotations", json_pack("{s:s}", REF_NAME, "execdm"));
        json_array_append(only, m);
    }
    if (json_array_size(only) == 0)
        return err_set(err, CODE_NOINPUT, "%s no longer holds the image %s", image->path,
                       image->digest);
    json_object_set(index, "manifests", only);
    own(str_fini) char *text = write_string(index);
    static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    if (path_write(layout_file, version, sizeof(version) - 1, 0644, err) < 0 ||
        path_write(index_file, text, strlen(text), 0644, err) < 0)
        return -1;
    return 0;
}

static int run_sandboxed(const struct unpacking *u, struct sandbox *s, struct err *err)
{
    char *argv[] = {"bubblewrap", NULL};
    own(spawn_fini) struct spawn run = {.argv = argv,
                                        .deadline_ms = UNPACK_S * 1000,
                                        .stop = u->place->stop,
                                        .context = u->place->context,
                                        .exec = sandbox_become,
                                        .exec_context = s};
    int rc = spawn_run(&run, err);
    if (rc < 0)
        return -1;
    if (run.stopped)
        return err_set(err, CODE_TEMP, "unpacking was stopped");
    if (rc > 0)
        return err_set(err, rc == CODE_UNAVAIL ? CODE_UNAVAIL : CODE_DATA, "%s",
                       spawn_last_error(&run));
    return 0;
}

/* Root unpacks as the job account, to whom a file of root's may be closed: it gets a copy. */
static int copy_source(const struct unpacking *u, struct err *err)
{
    own(str_fini) char *cp = spawn_find_tool("cp");
    own(str_fini) char *from = str_print("%s%s", u->image->path, u->image->archive ? "" : "/blobs");
    own(str_fini) char *to = str_print("%s/%s", u->work, u->image->archive ? "archive" : "layout/");
    if (!cp)
        return err_set(err, CODE_UNAVAIL, "cp is not installed");
    char *argv[] = {cp, "-RL", "--reflink=auto", "--", from, to, NULL};
    own(spawn_fini) struct spawn run = {.argv = argv,
                                        .deadline_ms = UNPACK_S * 1000,
                                        .stop = u->place->stop,
                                        .context = u->place->context};
    int rc = spawn_run(&run, err);
    if (rc < 0)
        return -1;
    if (run.stopped)
        return err_set(err, CODE_TEMP, "unpacking was stopped");
    return rc ? err_set(err, CODE_IO, "%s", spawn_last_error(&run)) : 0;
}

static int unpack_archive(const struct unpacking *u, struct err *err)
{
    const struct image *image = u->image;
    const char *work = u->work;
    own(str_fini) char *blobs = str_print("%s/layout", work);
    own(str_fini) char *copy = str_print("%s/archive", work);
    own(sandbox_fini) struct sandbox s = {.account = u->place->account, .info_fd = -1};
    static const char *const words[] = {"/usr/bin/tar",
                                        "-xf",
                                        "/archive",
                                        "-C",
                                        "/layout",
                                        "--no-same-owner",
                                        "--exclude=index.json",
                                        "--exclude=oci-layout"};
    for (size_t i = 0; i < COUNT(words); i++)
        strs_add(&s.argv, words[i]);
    sandbox_mount(&s, u->copied ? copy : image->path, "/archive", false);
    sandbox_mount(&s, blobs, "/layout", true);
    return run_sandboxed(u, &s, err);
}

static int unpack_layout(const struct unpacking *u, struct err *err)
{
    const struct image *image = u->image;
    const char *work = u->work;
    own(str_fini) char *layout = str_print("%s/layout", work);
    own(str_fini) char *blobs = str_print("%s/blobs", image->path);
    own(str_fini) char *out = str_print("%s/out", work);
    own(str_fini) char *umoci = spawn_find_tool("umoci");
    own(sandbox_fini) struct sandbox s = {.account = u->place->account, .info_fd = -1};
    if (!umoci)
        return err_set(err, CODE_UNAVAIL, "umoci is not installed; install the package umoci");
    static const char *const words[] = {"unpack", "--rootless", "--image", "/layout:execdm",
                                        "/out/bundle"};
    strs_add(&s.argv, umoci);
    for (size_t i = 0; i < COUNT(words); i++)
        strs_add(&s.argv, words[i]);
    strs_add(&s.env, "HOME=/tmp");
    sandbox_mount(&s, layout, "/layout", false);
    if (!image->archive && !u->copied)
        sandbox_mount(&s, blobs, "/layout/blobs", false);
    sandbox_mount(&s, out, "/out", true);
    sandbox_mount(&s, "/dev/null", "/etc/resolv.conf", false); /* umoci wants to see one */
    return run_sandboxed(u, &s, err);
}

static int read_blob(const struct unpacking *u, const char *digest, json_t **blob, struct err *err)
{
    if (!is_digest(digest))
        return err_set(err, CODE_DATA, "a part of the image has no sha256 digest");
    own(str_fini) char *path = u->image->archive || u->copied
                                   ? str_print("%s/layout/blobs/sha256/%s", u->work, digest + 7)
                                   : str_print("%s/blobs/sha256/%s", u->image->path, digest + 7);
    return doc_file(path, blob, err);
}

/* What the image says about its process. Not from the runtime configuration that umoci writes: that
 * one names a shell and a terminal where the image names none. umoci has checked the digests. */
static int keep_config(const struct unpacking *u, struct err *err)
{
    own(str_fini) char *kept = str_print("%s/config.json", u->work);
    own(json_fini) json_t *manifest = NULL, *blob = NULL, *args = json_array();
    if (read_blob(u, u->image->digest, &manifest, err) < 0 ||
        read_blob(u, json_text(json_object_get(manifest, "config"), "digest"), &blob, err) < 0)
        return -1;
    const json_t *config = json_object_get(blob, "config");
    json_array_extend(args, json_object_get(config, "Entrypoint"));
    json_array_extend(args, json_object_get(config, "Cmd"));
    own(json_fini) json_t *small =
        json_pack("{s:O,s:O*,s:O*}", "args", args, "env", json_object_get(config, "Env"), "cwd",
                  json_object_get(config, "WorkingDir"));
    own(str_fini) char *text = write_string(small);
    return path_write(kept, text, strlen(text), 0600, err);
}

static int unpack_into(struct unpacking *u, struct err *err)
{
    const struct image *image = u->image;
    const char *work = u->work;
    uid_t uid;
    gid_t gid;
    own(str_fini) char *out = str_print("%s/out", work);
    own(str_fini) char *rootfs = str_print("%s/out/bundle/rootfs", work);
    own(str_fini) char *place = str_print("%s/rootfs", work);
    if (sandbox_identity(u->place->account, &uid, &gid, err) < 0 ||
        path_mkdirs(out, 0700, err) < 0 || write_layout(image, work, err) < 0)
        return -1;
    u->copied = uid != geteuid();
    if (u->copied && (copy_source(u, err) < 0 || path_own_tree(work, uid, gid, err) < 0))
        return -1;
    if ((image->archive && unpack_archive(u, err) < 0) || unpack_layout(u, err) < 0 ||
        keep_config(u, err) < 0)
        return -1;
    if (rename(rootfs, place) < 0)
        return err_sys(err, "cannot rename %s", rootfs);
    own(str_fini) char *layout = str_print("%s/layout", work);
    own(str_fini) char *archive = str_print("%s/archive", work);
    if (path_remove(out, err) < 0 || path_remove(layout, err) < 0 || path_remove(archive, err) < 0)
        return -1;
    own(fd_fini) int fd = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) < 0)
        return err_sys(err, "cannot sync %s", work);
    return 0;
}

/* Unpacks into a directory of our own, then renames: an image is there whole or not at all. */
static int unpack_new(struct unpacking *u, const char *final, struct err *err)
{
    char name[UUID_TEXT];
    struct err ignored;
    own(str_fini) char *tmp = str_print("%s/images/tmp", u->place->dir);
    own(str_fini) char *work = str_print("%s/%s", tmp, clock_uuid(name));
    path_remove(tmp, &ignored); /* it is our turn: what is there is of somebody who died */
    if (path_mkdirs(work, 0700, err) < 0)
        return -1;
    u->work = work;
    int rc = unpack_into(u, err);
    if (rc == 0 && rename(work, final) < 0 && errno != EEXIST && errno != ENOTEMPTY)
        rc = err_sys(err, "cannot rename %s", work);
    path_remove(tmp, &ignored); /* again: a child of who died may have written on for a moment */
    if (rc < 0)
        return err_wrap(err, "cannot unpack the image %s", u->image->path);
    return path_sync_parent(final, err);
}

/* "DIR/images/lock", made when it is not there: whose it is may unpack, and collect. */
static int open_guard(const char *dir, struct err *err)
{
    own(str_fini) char *guard = str_print("%s/images/lock", dir);
    if (path_mkparents(guard, 0700, err) < 0)
        return -1;
    int fd = open(guard, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : err_sys(err, "cannot open %s", guard);
}

static char *lock_of(const char *rootfs)
{
    const char *slash = strrchr(rootfs, '/');
    return str_print("%.*s/lock", (int)(slash ? slash - rootfs : 0), rootfs);
}

static int open_hold(const char *rootfs, int flags)
{
    own(str_fini) char *path = lock_of(rootfs);
    own(fd_fini) int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
    if (fd < 0 || lock_share(fd) != 1)
        return -1;
    int held = fd;
    fd = -1;
    return held;
}

int image_hold(const char *rootfs)
{
    return open_hold(rootfs, 0);
}

int image_unpack(const struct image *image, const struct image_place *place, char **rootfs,
                 json_t **config, int *hold, struct err *err)
{
    struct unpacking u = {.image = image, .place = place};
    own(str_fini) char *final = str_print("%s/images/sha256-%s", place->dir, image->digest + 7);
    own(str_fini) char *config_file = str_print("%s/config.json", final);
    own(str_fini) char *files = str_print("%s/rootfs", final);
    /* one unpacks, the others wait for it */
    own(fd_fini) int turn = open_guard(place->dir, err);
    int rc = turn < 0 ? -1 : 0;
    while (rc == 0 && (rc = lock_try(turn)) == 0) {
        if (place->stop && place->stop(place->context))
            return err_set(err, CODE_TEMP, "waiting for the image was stopped");
        usleep(100000);
    }
    if (rc < 0)
        return turn < 0 ? -1 : err_sys(err, "cannot lock the images in %s", place->dir);
    if (!path_exists(config_file) && unpack_new(&u, final, err) < 0)
        return -1;
    own(fd_fini) int held = open_hold(files, O_CREAT);
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
        path_remove(tmp, &ignored);
}

void image_collect(const char *dir, int64_t since)
{
    struct err ignored;
    own(str_fini) char *path = str_print("%s/images", dir);
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
