/* execdm-seal: seals and opens what the job store shall not hold in clear, with a key of the store.
 *
 *     execdm-seal seal|open NAME KEYFILE < IN > OUT
 *
 * AES-256-GCM by OpenSSL. What is sealed is one line of base64: a version, the nonce, the
 * ciphertext and its tag; it is bound to NAME, so that nobody can put it elsewhere. Programs that
 * touch no network load no OpenSSL: they start this one when there is a secret, which is rare. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <sys/stat.h>
#include "cli/prog.h"
#include "host/path.h"

#define KEY 32
#define NONCE 12
#define TAG 16
#define VERSION 1
#define SEALED_MAX (8 << 20) /* bytes; a document has at most 4 MiB */

static void cipher_fini(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}

static int read_key(const char *path, unsigned char key[KEY], struct err *err)
{
    struct stat st;
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, "cannot read the key %s", path);
    if (st.st_uid != geteuid() || (st.st_mode & 077) || !S_ISREG(st.st_mode))
        return err_set(err, CODE_PERM, "the key %s is not its owner's alone; expected mode 0600",
                       path);
    if (read(fd, key, KEY) != KEY || st.st_size != KEY)
        return err_set(err, CODE_IO, "the key %s is damaged: expected %d bytes", path, KEY);
    return 0;
}

/* Whole or not at all; of two that make it at the same time the first one counts. */
static int make_key(const char *path, struct err *err)
{
    unsigned char key[KEY];
    struct err ignored;
    own(str_fini) char *part = str_print("%s.%ld", path, (long)getpid());
    if (getrandom(key, KEY, 0) != KEY)
        return err_sys(err, "cannot make a key");
    if (path_write(part, key, KEY, 0600, err) < 0)
        return -1;
    int rc = link(part, path) == 0 || errno == EEXIST ? 0 : err_sys(err, "cannot make %s", path);
    path_remove(part, &ignored);
    return rc < 0 ? -1 : path_sync_parent(path, err);
}

static int broken(struct err *err)
{
    return err_set(err, CODE_OS, "OpenSSL cannot do AES-256-GCM");
}

static int seal(const unsigned char key[KEY], const char *name, const struct buf *in,
                struct buf *out, struct err *err)
{
    own(cipher_fini) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    own(buf_fini) struct buf box = {0};
    int n = 0, more = 0;
    unsigned char head[1 + NONCE] = {VERSION};
    if (getrandom(head + 1, NONCE, 0) != NONCE)
        return err_sys(err, "cannot make a nonce");
    buf_add(&box, head, sizeof(head));
    own(buf_fini) struct buf room = {0};
    buf_add(&room, in->bytes, in->len); /* as long as the clear text, and the tag */
    for (int i = 0; i < TAG; i++)
        buf_char(&room, 0);
    unsigned char *bytes = (unsigned char *)room.bytes;
    if (!ctx || EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, head + 1) != 1 ||
        EVP_EncryptUpdate(ctx, NULL, &more, (const unsigned char *)name, (int)strlen(name)) != 1 ||
        EVP_EncryptUpdate(ctx, bytes, &n, (const unsigned char *)in->bytes, (int)in->len) != 1 ||
        EVP_EncryptFinal_ex(ctx, bytes + n, &more) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, bytes + in->len) != 1)
        return broken(err);
    buf_add(&box, room.bytes, room.len);
    own(str_fini) char *text = mem_new((box.len + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)box.bytes, (int)box.len);
    buf_print(out, "%s\n", text);
    return 0;
}

static int not_ours(struct err *err)
{
    return err_set(err, CODE_DATA,
                   "what was sealed cannot be opened: it was changed, is of something else, or was "
                   "sealed with another key");
}

static int open_sealed(const unsigned char key[KEY], const char *name, const struct buf *in,
                       struct buf *out, struct err *err)
{
    own(cipher_fini) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const size_t len = strcspn(in->bytes, "\n");
    size_t size = len / 4 * 3, pad = 0;
    own(str_fini) char *box = mem_new(size + 1);
    while (pad < 2 && pad < len && in->bytes[len - 1 - pad] == '=')
        pad++;
    if (len % 4 || EVP_DecodeBlock((unsigned char *)box, (const unsigned char *)in->bytes,
                                   (int)len) != (int)size)
        return not_ours(err);
    size -= pad;
    if (size < 1 + NONCE + TAG || box[0] != VERSION)
        return not_ours(err);
    const size_t clear = size - 1 - NONCE - TAG;
    unsigned char *bytes = (unsigned char *)box + 1 + NONCE;
    own(str_fini) char *text = mem_new(clear + 1);
    int n = 0, more = 0;
    if (!ctx || EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, bytes - NONCE) != 1 ||
        EVP_DecryptUpdate(ctx, NULL, &more, (const unsigned char *)name, (int)strlen(name)) != 1 ||
        EVP_DecryptUpdate(ctx, (unsigned char *)text, &n, bytes, (int)clear) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, bytes + clear) != 1)
        return broken(err);
    if (EVP_DecryptFinal_ex(ctx, (unsigned char *)text + n, &more) != 1)
        return not_ours(err);
    buf_add(out, text, clear);
    return 0;
}

static int read_input(struct buf *in, struct err *err)
{
    char chunk[65536];
    ssize_t n;
    while ((n = read(0, chunk, sizeof(chunk))) > 0 && in->len <= SEALED_MAX)
        buf_add(in, chunk, (size_t)n);
    if (n < 0)
        return err_sys(err, "cannot read standard input");
    if (in->len == 0 || in->len > SEALED_MAX)
        return err_set(err, CODE_DATA, "expected something of at most 8 MiB on standard input");
    return 0;
}

static int run(char **operands, struct buf *out, struct err *err)
{
    unsigned char key[KEY];
    own(buf_fini) struct buf in = {0};
    const bool seals = str_same(operands[0], "seal");
    if ((!seals && !str_same(operands[0], "open")) || !operands[1] || !operands[2] || operands[3])
        return err_set(err, CODE_USAGE, "expected seal or open, a name and the file of the key");
    const char *path = operands[2];
    if (seals && access(path, F_OK) < 0 && make_key(path, err) < 0)
        return -1;
    if (read_key(path, key, err) < 0 || read_input(&in, err) < 0)
        return -1;
    int rc = (seals ? seal : open_sealed)(key, operands[1], &in, out, err);
    explicit_bzero(key, sizeof(key));
    return rc < 0 ? -1 : CODE_OK;
}

static const struct prog prog = {
    .name = "execdm-seal",
    .synopsis = "seal|open NAME KEYFILE",
    .about = "Seal what a job store shall not hold in clear (started by other programs).",
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
