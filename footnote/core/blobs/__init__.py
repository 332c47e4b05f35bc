"""Blobs: the bytes of files, stored under their sha256. Who refers to them is the catalog's business, not the store's."""

from footnote.core.blobs.folder import FolderBlobStore
from footnote.core.blobs.port import INCOMING_FOLDER, PIECE_BYTES, BlobStore, ReceivedBlob, StoredBlob

__all__ = ["INCOMING_FOLDER", "PIECE_BYTES", "BlobStore", "FolderBlobStore", "ReceivedBlob", "StoredBlob"]
