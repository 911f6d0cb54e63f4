package blob

import (
	"context"
	"encoding/hex"
	"path"
	"strings"

	"github.com/gofrs/uuid/v5"
)

// manifestPrefix is how the names of manifests begin in the folder of a blob.
const manifestPrefix = "m-"

func isManifest(object string) bool { return strings.HasPrefix(path.Base(object), manifestPrefix) }

// Escrowed says whether manifests are wanted: whether somebody is to open everything without this program.
func (s *Service) Escrowed() bool { return s.recipient != nil }

// WriteManifest puts a manifest beside the parts of a blob, encrypted to its owner's key: a line with the name, then a line for
// each part. id tells manifests of one blob apart; writing one again replaces it. name must have no line break.
func (s *Service) WriteManifest(ctx context.Context, b Blob, id uuid.UUID, name string) error {
	o, err := s.owner(ctx, s.db, b.OwnerID)
	if err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString(name + "\n")
	for _, p := range b.parts {
		text.WriteString(p.name() + "\n")
	}
	sealed, err := o.encrypt([]byte(text.String()), nil)
	if err != nil {
		return err
	}
	return s.objects.Put(ctx, o.manifest(b.ID, id), sealed)
}

func (o owner) manifest(blob, id uuid.UUID) string {
	return o.folderOf(blob) + "/" + manifestPrefix + hex.EncodeToString(o.mac("manifest", id[:])[:16])
}
