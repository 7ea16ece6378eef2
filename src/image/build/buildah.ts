import type { Builder } from './builder.ts';

/**
 * buildah 1.28 and newer, as root of the workshop's user namespace. Each build has a store of its own, because commands of a build could
 * change it: what is kept between builds are finished images only. One layer is made of all commands. Commands run in a chroot with
 * buildah's own restrictions; what confines them is the workshop.
 */
export const buildah: Builder = {
  needs: [
    { program: 'buildah', package: 'buildah' },
    { program: 'git', package: 'git' },
    { program: 'setpriv', package: 'util-linux' },
    { program: 'mkfifo', package: 'coreutils' },
    { program: 'tar', package: 'tar' },
  ],
  script: `
export HOME=/root LC_ALL=C.UTF-8 TMPDIR=/shop/tmp _CONTAINERS_USERNS_CONFIGURED=done BUILDAH_ISOLATION=chroot
mkdir -p /etc/containers /shop/tmp /shop/context /shop/try/1 /shop/try/2 /shop/try/3
# Linux before 5.11, and a disk that is an overlay itself, have none for the root of a user namespace.
driver=vfs
if mount -t overlay -o lowerdir=/shop/try/1,upperdir=/shop/try/2,workdir=/shop/try/3,userxattr overlay /shop/try/1 2>/dev/null; then
  umount /shop/try/1
  driver=overlay
fi
mkdir -p "/shop/store/$driver-containers"
# What is kept of a build under way, with its secrets, never reaches a disk.
mount -t tmpfs -o size=64m,mode=700 tmpfs "/shop/store/$driver-containers"
echo '{"default":[{"type":"reject"}],"transports":{"oci":{"":[{"type":"insecureAcceptAnything"}]},"containers-storage":{"":[{"type":"insecureAcceptAnything"}]}}}' >/etc/containers/policy.json
printf 'unqualified-search-registries = []\\n' >/etc/containers/registries.conf
printf '[storage]\\ndriver = "%s"\\ngraphroot = "/shop/store"\\nrunroot = "/dev/shm/run"\\n' "$driver" >/etc/containers/storage.conf
set -- build --pull-never --layers=false --format=docker --isolation=chroot --network=host --label=com.keboola.docker.runner.origin=builder --iidfile=/shop/image --file=Dockerfile
number=0
while IFS= read -r name; do
  number=$((number + 1))
  buildah pull -q "oci:base/$number" >id
  buildah tag "$(cat id)" "localhost/base:$number"
  # A name that stands in an argument is looked for among the images that are here; a digest only among contexts.
  case $name in *@*) ;; *) buildah tag "$(cat id)" "$name" ;; esac
  set -- "$@" --build-context "$name=container-image://localhost/base:$number"
done <bases
rm -rf base
while IFS= read -r argument; do set -- "$@" --build-arg "$argument"; done <arguments
for secret in secrets/*; do
  [ ! -f "$secret" ] || set -- "$@" --secret "id=\${secret##*/},src=$PWD/$secret"
done
apart=
[ ! -e offline ] || apart='unshare --net'
$apart buildah "$@" "/shop/context/$(cat context)" </dev/null
mkdir -p /shop/out/blobs/sha256
while IFS= read -r layer; do : >"/shop/out/blobs/sha256/$layer"; done <known
buildah push -q --disable-compression --format=oci "$(cat /shop/image)" oci:/shop/out
`,
};
